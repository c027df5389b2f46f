// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fixture.h"
#include "session/sign_in.h"
#include "text/url.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Authorize : public ::testing::Test, protected Desk {
 protected:
  // The request as it comes back from the sign-in that `answer` sent the browser to.
  static std::string waiting(const Answer& answer) { return parameter(answer, "return_to"); }
  static std::string issuer() { return std::string(kOrigin) + std::string(kPath); }
};

TEST_F(Authorize, GivesACodeToTheSignedIn) {
  sign_in();
  const Answer answer = authorize();
  EXPECT_EQ(answer.status, 303);
  EXPECT_TRUE(answer.location().starts_with(std::string(kLoopback) + "?code="));
  EXPECT_EQ(parameter(answer, "state"), "the-state");
  EXPECT_EQ(parameter(answer, "iss"), issuer()) << "RFC 9207";
  EXPECT_EQ(answer.header("cache-control"), "no-store");
}

TEST_F(Authorize, NobodySignedInGoesToTheSignInAndComesBack) {
  const Answer first = authorize();
  EXPECT_EQ(first.status, 303);
  EXPECT_TRUE(first.location().starts_with("/auth/login?return_to="));
  EXPECT_EQ(parameter(first, "force"), "");
  sign_in();
  EXPECT_FALSE(parameter(get(waiting(first)), "code").empty());
}

TEST_F(Authorize, WhatNamesNoClientOrAddressOfOursIsShownHereAndGoesNowhere) {
  sign_in();
  const Fields cases[] = {
      {{"client_id", "nobody"}},
      {{"client_id", "-"}},
      {{"redirect_uri", "-"}},
      {{"redirect_uri", "https://evil.example/cb"}},
      {{"redirect_uri", "http://127.0.0.1:4321/callback/../x"}},
      {{"redirect_uri", "http://127.0.0.1.evil.example:4321/callback"}},
      {{"redirect_uri", "http://localhost:4321/other"}},
      {{"redirect_uri", "http://user@127.0.0.1:4321/callback"}},
      {{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn) + "/more"}},
      {{"client_id", "app"}, {"redirect_uri", "https://app.example/CB"}},
  };
  for (const Fields& changes : cases) {
    const Answer answer = authorize(changes);
    EXPECT_EQ(answer.status, 400) << changes.back().second;
    EXPECT_EQ(answer.location(), "") << changes.back().second;
  }
  // A repeated one can't be chosen from.
  const std::string twice = std::string(kPath) + "/auth?" + form(authorization()).encode() +
                            "&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F";
  EXPECT_EQ(get(twice).status, 400);
}

TEST_F(Authorize, OtherFaultsGoBackToTheClient) {
  sign_in();
  struct Case {
    Fields changes;
    const char* error;
  };
  const Case cases[] = {
      {{{"response_type", "token"}}, "unsupported_response_type"},
      {{{"response_type", "-"}}, "invalid_request"},
      {{{"scope", "groups"}}, "invalid_scope"},
      {{{"code_challenge", "-"}, {"code_challenge_method", "-"}}, "invalid_request"},
      {{{"code_challenge_method", "plain"}}, "invalid_request"},
      {{{"code_challenge", "short"}}, "invalid_request"},
      {{{"code_challenge", "-"}}, "invalid_request"},
      {{{"prompt", "none login"}}, "invalid_request"},
      {{{"max_age", "soon"}}, "invalid_request"},
      {{{"request", "eyJ"}}, "request_not_supported"},
      {{{"request_uri", "https://x"}}, "request_uri_not_supported"},
      {{{"response_mode", "fragment"}}, "invalid_request"},
  };
  for (const Case& each : cases) {
    const Answer answer = authorize(each.changes);
    EXPECT_EQ(answer.status, 303) << each.changes[0].first;
    EXPECT_TRUE(answer.location().starts_with(kLoopback)) << each.changes[0].first;
    EXPECT_EQ(parameter(answer, "error"), each.error) << each.changes[0].first;
    EXPECT_EQ(parameter(answer, "state"), "the-state");
    EXPECT_EQ(parameter(answer, "iss"), issuer());
    EXPECT_EQ(parameter(answer, "code"), "");
  }
}

TEST_F(Authorize, AConfidentialClientMayLeaveOutPkceAPublicOneNot) {
  sign_in();
  const Fields none{{"code_challenge", "-"}, {"code_challenge_method", "-"}};
  Fields changes = none;
  changes.insert(changes.begin(),
                 {{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}});
  EXPECT_FALSE(code(changes).empty());
  changes[0].second = "spa";
  changes[1].second = "https://spa.example/cb";
  EXPECT_EQ(parameter(authorize(changes), "error"), "invalid_request");
}

TEST_F(Authorize, APostIsTakenOverAsAGet) {
  sign_in();
  const Answer posted = post(std::string(kPath) + "/auth", form(authorization()));
  EXPECT_EQ(posted.status, 303);
  EXPECT_TRUE(posted.location().starts_with(std::string(kPath) + "/auth?"));
  EXPECT_FALSE(parameter(get(posted.location()), "code").empty());
}

// It goes on as a GET, whose address has a limit: said here, not by the edge.
TEST_F(Authorize, APostThatIsTooLongIsSaidToBe) {
  sign_in();
  for (const std::size_t size : {17'000u, 70'000u}) {
    const Answer posted = post(std::string(kPath) + "/auth",
                               form(authorization({{"state", std::string(size, 's')}})));
    EXPECT_EQ(posted.status, 413) << size;
    EXPECT_EQ(posted.location(), "") << size;
    EXPECT_NE(posted.body.find(size > 65'536 ? "over 65536 bytes" : "over 16384 bytes"),
              std::string::npos)
        << posted.body;
    EXPECT_EQ(
        post(std::string(kPath) + "/end_session", form({{"id_token_hint", std::string(size, 'x')}}))
            .status,
        413);
  }
  EXPECT_EQ(
      post(std::string(kPath) + "/auth", form(authorization({{"state", std::string(3'000, 's')}})))
          .status,
      303);
}

TEST_F(Authorize, PromptNoneNeverAsks) {
  EXPECT_EQ(parameter(authorize({{"prompt", "none"}}), "error"), "login_required");
  sign_in();
  EXPECT_FALSE(code({{"prompt", "none"}}).empty());
}

TEST_F(Authorize, PromptLoginWantsASignInOfItsOwn) {
  sign_in();
  clock.advance(Seconds(100));
  const Answer first = authorize({{"prompt", "login"}});
  EXPECT_TRUE(first.location().starts_with("/auth/login?"));
  EXPECT_EQ(parameter(first, "force"), "1");
  EXPECT_TRUE(get(waiting(first)).location().starts_with("/auth/login?")) << "the former session";
  identity::Identity again = session::testing::person();
  again.authenticated_at = clock.now();
  sign_in(again);
  EXPECT_FALSE(parameter(get(waiting(first)), "code").empty());
}

// An upstream may take no notice of prompt=login and sign the person in by its own session.
TEST_F(Authorize, ASilentSignInIsNoAuthentication) {
  sign_in();
  clock.advance(Seconds(100));
  for (const auto& [name, value] : Fields{{"prompt", "login"}, {"max_age", "50"}}) {
    const Answer first = authorize({{name, value}});
    ASSERT_TRUE(first.location().starts_with("/auth/login?")) << name;
    sign_in();  // authenticated 100 s ago
    EXPECT_EQ(parameter(get(waiting(first)), "error"), "login_required") << name;
  }
}

TEST_F(Authorize, MaxAgeLooksAtTheAuthentication) {
  sign_in();
  clock.advance(Seconds(100));
  EXPECT_FALSE(code({{"max_age", "101"}}).empty());
  EXPECT_TRUE(authorize({{"max_age", "99"}}).location().starts_with("/auth/login?"));
  EXPECT_EQ(parameter(authorize({{"max_age", "99"}, {"prompt", "none"}}), "error"),
            "login_required");
}

TEST_F(Authorize, TheSealOfAWaitingRequestIsOfThatRequest) {
  sign_in();
  clock.advance(Seconds(100));
  const Answer first = authorize({{"prompt", "login"}});
  identity::Identity again = session::testing::person();
  again.authenticated_at = clock.now();
  sign_in(again);
  std::string other = waiting(first);
  const std::size_t at = other.find("the-state");
  ASSERT_NE(at, std::string::npos);
  other.replace(at, 9, "a-state-x");
  EXPECT_TRUE(get(other).location().starts_with("/auth/login?"));
  clock.advance(Seconds(901));
  EXPECT_TRUE(get(waiting(first)).location().starts_with("/auth/login?")) << "too old";
}

class Hints : public Authorize {
 protected:
  // An ID token of `user`, given to kubectl's client.
  std::string hint(const std::string& user) {
    sign_in(session::testing::person(user));
    return member(redeem(code()), "id_token");
  }
};

TEST_F(Hints, TheirPersonGetsACode) {
  const std::string alice = hint("alice");
  EXPECT_FALSE(code({{"id_token_hint", alice}}).empty());
  EXPECT_FALSE(code({{"id_token_hint", alice}, {"prompt", "none"}}).empty());
}

TEST_F(Hints, SomebodyElseIsAskedToSignInOnceAndThenRefused) {
  const std::string bob = hint("bob");
  sign_in();
  EXPECT_EQ(parameter(authorize({{"id_token_hint", bob}, {"prompt", "none"}}), "error"),
            "login_required");
  clock.advance(Seconds(10));
  const Answer first = authorize({{"id_token_hint", bob}});
  ASSERT_TRUE(first.location().starts_with("/auth/login?"));
  EXPECT_EQ(parameter(first, "force"), "1") << "the sign-in page sends the signed-in straight back";
  EXPECT_LT(waiting(first).size(), session::kMaxReturnTo) << "without the hint itself";
  sign_in();
  EXPECT_EQ(parameter(get(waiting(first)), "error"), "login_required");
  sign_in(session::testing::person("bob"));
  EXPECT_FALSE(parameter(get(waiting(first)), "code").empty());
}

TEST_F(Hints, OneThatCannotBeVerifiedSaysNothing) {
  const std::string alice = hint("alice");
  std::string forged = alice;
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  clock.advance(Seconds(10));
  for (const std::string& bad : {std::string("x"), forged}) {
    EXPECT_FALSE(code({{"id_token_hint", bad}}).empty());
    EXPECT_EQ(parameter(authorize({{"id_token_hint", bad}, {"prompt", "none"}}), "error"),
              "login_required");
  }
}

TEST_F(Authorize, WhoIsNotAllowedGetsNoCode) {
  app.az_groups = {"auditors"};
  sign_in();
  const Answer answer =
      authorize({{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}});
  EXPECT_EQ(parameter(answer, "error"), "access_denied");
  EXPECT_NE(parameter(answer, "error_description").find("auditors"), std::string::npos);
}

TEST_F(Authorize, ARequestTooLongToWaitSaysSo) {
  const Answer answer = authorize({{"state", std::string(1'200, 's')}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("1 KiB"), std::string::npos);
}

}  // namespace
}  // namespace openunison::oidc
