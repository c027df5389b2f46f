// SPDX-License-Identifier: Apache-2.0
//
// A provider that doesn't answer: how many wait for it, and that the others are told at once.
#include <gtest/gtest.h>

#include "oidc_fixture.h"

namespace openunison::identity {
namespace {

class OidcWaiting : public OidcFixture {
 protected:
  OidcWaiting() {
    most_waiting_ = 3;
    provider_.gate = &gate_;
  }

  // Lets what was started run until nothing can go on without the provider.
  void settle() { runtime_.block_on(pause()); }
  static Task<void> pause() { co_await net::sleep_until(net::in(Millis(20))); }

  Task<void> begin_one(int* begun, std::vector<Error>* refused) {
    auto result = co_await connector().redirect()->begin(begin_request());
    if (result) ++*begun;
    if (!result) refused->push_back(result.error());
  }
  Task<void> reread_one(int* confirmed, std::vector<Error>* refused) {
    Grant grant;
    grant.refresh_token = Secret("r0");
    auto result = co_await connector().reread("u1", std::move(grant), net::in(Seconds(10)));
    if (result) ++*confirmed;
    if (!result) refused->push_back(result.error());
  }

  Task<void> log_one_out(std::string token, int* accepted, std::vector<Error>* refused) {
    auto result = co_await connector().redirect()->logout_token(std::move(token));
    if (result) ++*accepted;
    if (!result) refused->push_back(result.error());
  }
  std::string logout_token() {
    return provider_.sign(
        *text::Json::parse(
            R"({"iss":"https://idp.example","aud":"ou","iat":1700000000,"exp":1700000060,"jti":"j1","sub":"u1",
                "events":{"http://schemas.openid.net/event/backchannel-logout":{}}})"),
        "logout+jwt");
  }

  net::Completion gate_;
};

TEST_F(OidcWaiting, OnlySoManySignInsWaitAndAFreePlaceIsUsedAgain) {
  int begun = 0;
  std::vector<Error> refused;
  for (int i = 0; i < 5; ++i) runtime_.spawn(0, begin_one(&begun, &refused));
  settle();
  EXPECT_EQ(begun, 0);
  ASSERT_EQ(refused.size(), 2u) << "three wait, two are told at once";
  EXPECT_TRUE(refused[0].is(Errc::unreachable)) << refused[0].message();
  EXPECT_NE(refused[0].message().find("too many sign-ins"), std::string::npos);

  gate_.complete();
  settle();
  EXPECT_EQ(begun, 3);
  EXPECT_TRUE(begin()) << "the places were given back";
}

TEST_F(OidcWaiting, SignInsThatWaitLeaveTheirPlacesToReReads) {
  int begun = 0, confirmed = 0;
  std::vector<Error> no_sign_in, no_reread;
  for (int i = 0; i < 3; ++i) runtime_.spawn(0, begin_one(&begun, &no_sign_in));
  for (int i = 0; i < 4; ++i) runtime_.spawn(0, reread_one(&confirmed, &no_reread));
  settle();
  EXPECT_TRUE(no_sign_in.empty());
  ASSERT_EQ(no_reread.size(), 1u);
  EXPECT_TRUE(no_reread[0].is(Errc::throttled)) << "nothing was spent: it may be tried again";

  gate_.complete();
  settle();
  EXPECT_EQ(begun, 3);
  EXPECT_EQ(confirmed, 3);
}

TEST_F(OidcWaiting, SignInsThatWaitLeaveTheirPlacesToLogoutTokens) {
  int begun = 0, accepted = 0;
  std::vector<Error> no_sign_in, no_logout;
  for (int i = 0; i < 3; ++i) runtime_.spawn(0, begin_one(&begun, &no_sign_in));
  for (int i = 0; i < 4; ++i) runtime_.spawn(0, log_one_out(logout_token(), &accepted, &no_logout));
  settle();
  EXPECT_TRUE(no_sign_in.empty());
  ASSERT_EQ(no_logout.size(), 1u);
  EXPECT_TRUE(no_logout[0].is(Errc::unreachable)) << "it may come again";
  // What is no token is refused as such also where no place is free.
  runtime_.spawn(0, log_one_out("stuff", &accepted, &no_logout));
  settle();
  ASSERT_EQ(no_logout.size(), 2u);
  EXPECT_TRUE(no_logout[1].is(Errc::bad_response)) << no_logout[1].message();

  gate_.complete();
  settle();
  EXPECT_EQ(begun, 3);
  EXPECT_EQ(accepted, 3);
}

}  // namespace
}  // namespace openunison::identity
