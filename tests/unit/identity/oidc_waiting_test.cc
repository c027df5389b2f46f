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

}  // namespace
}  // namespace openunison::identity
