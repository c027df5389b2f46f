// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Token : public ::testing::Test, protected Desk {
 protected:
  static void expect_refused(const Answer& answer, int status, const char* error) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(member(answer, "error"), error) << answer.body;
    EXPECT_EQ(answer.header("cache-control"), "no-store");
    EXPECT_EQ(answer.body.find("_token\":"), std::string::npos);
  }
  // By a page of the browser's, which doesn't wait for it.
  void read_upstream_again() {
    clock.advance(Seconds(330));
    http::Request request;
    request.headers.add("cookie", cookie);
    const std::size_t before = provider->spent.size();
    EXPECT_TRUE(run(sessions().current(request)));
    while (provider->spent.size() == before) run([]() -> Task<void> { co_return; }());
  }
  const Fields app_code_{{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}};
};

TEST_F(Token, ACodeIsRedeemedForEverythingKubectlNeeds) {
  sign_in();
  const Answer answer = redeem(code());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(member(answer, "token_type"), "Bearer");
  EXPECT_FALSE(member(answer, "access_token").empty());
  EXPECT_FALSE(member(answer, "refresh_token").empty());
  const auto id = claims(member(answer, "id_token"));
  EXPECT_EQ(*id.find_string("iss"), std::string(kOrigin) + std::string(kPath));
  EXPECT_EQ(*id.find_string("aud"), "kubernetes");
  EXPECT_EQ(*id.find_string("sub"), "alice");
  EXPECT_EQ(*id.find_string("nonce"), "the-nonce");
  EXPECT_EQ(id.find("groups")->dump(), R"(["ops"])");
}

TEST_F(Token, WhatIsGivenOutAndRefusedIsCounted) {
  const auto issued = [](const char* grant) {
    return http::testing::metric(
        std::string("openunison_tokens_issued_total{client=\"kubernetes\",grant=\"") + grant +
        "\"}");
  };
  const auto refused = [](const char* error) {
    return http::testing::metric(std::string("openunison_token_requests_refused_total{error=\"") +
                                 error + "\"}");
  };
  const double codes = issued("authorization_code"), refreshes = issued("refresh_token");
  const double bad_grants = refused("invalid_grant"), bad_clients = refused("invalid_client");
  sign_in();
  const Answer answer = redeem(code());
  refresh(member(answer, "refresh_token"));
  refresh("forged");
  refresh("forged", "a-client-that-nobody-knows");
  EXPECT_EQ(issued("authorization_code"), codes + 1);
  EXPECT_EQ(issued("refresh_token"), refreshes + 1);
  EXPECT_EQ(refused("invalid_grant"), bad_grants + 1);
  EXPECT_EQ(refused("invalid_client"), bad_clients + 1);
  EXPECT_EQ(metrics::expose().find("a-client-that-nobody-knows"), std::string::npos);
}

TEST_F(Token, ExpiresInIsTheAccessTokens) {
  values->authentication.token_life = Seconds(3'600);
  sign_in();
  const Answer answer = redeem(code());
  EXPECT_NE(answer.body.find("\"expires_in\":300,"), std::string::npos) << answer.body;
  const auto id = claims(member(answer, "id_token"));
  EXPECT_EQ(*id.find("exp")->integer() - *id.find("iat")->integer(), 3'600);
}

TEST_F(Token, ACodeIsBoundToAllThatItWasAskedFor) {
  sign_in();
  struct Case {
    const char* name;
    Fields changes;
  };
  const Case cases[] = {
      {"verifier missing", {{"code_verifier", "-"}}},
      {"verifier wrong", {{"code_verifier", std::string(43, 'A')}}},
      {"challenge as verifier", {{"code_verifier", std::string(kChallenge)}}},
      {"redirect address", {{"redirect_uri", "http://127.0.0.1:4322/callback"}}},
      {"redirect address missing", {{"redirect_uri", "-"}}},
      {"another client", {{"client_id", "spa"}}},
      {"code changed", {{"code", code() + "A"}}},
      {"code of nobody", {{"code", "x"}}},
  };
  for (const Case& each : cases) {
    expect_refused(redeem(code(), each.changes), 400, "invalid_grant");
  }
  expect_refused(redeem(code(), {{"code", "-"}}), 400, "invalid_request");
}

TEST_F(Token, ARefusalDoesNotSpendTheCode) {
  sign_in();
  const std::string given = code();
  expect_refused(redeem(given, {{"code_verifier", "-"}}), 400, "invalid_grant");
  EXPECT_EQ(redeem(given).status, 200);
}

TEST_F(Token, ACodeLivesAMinuteAndIsOfOneIssuer) {
  sign_in();
  const std::string given = code();
  expect_refused(redeem(given, {}, "/auth/idp/prod"), 400, "invalid_grant");
  clock.advance(Seconds(61));
  expect_refused(redeem(given), 400, "invalid_grant");
}

TEST_F(Token, ACodesSecondUseEndsWhatTheFirstOpened) {
  sign_in();
  const std::string given = code();
  const Answer first = redeem(given);
  ASSERT_EQ(first.status, 200);
  expect_refused(redeem(given), 400, "invalid_grant");
  expect_refused(refresh(member(first, "refresh_token")), 400, "invalid_grant");
}

// The record of a redemption outlives the code.
TEST_F(Token, ACodesSecondUseEndsWhatTheFirstOpenedAlsoWhenItIsTooLate) {
  sign_in();
  const std::string once = code();
  const Answer tokens = redeem(once);
  ASSERT_EQ(tokens.status, 200);
  clock.advance(Seconds(120));
  const Answer late = redeem(once);
  EXPECT_EQ(late.status, 400);
  EXPECT_EQ(member(late, "error"), "invalid_grant");
  EXPECT_EQ(refresh(member(tokens, "refresh_token")).status, 400);
}

TEST_F(Token, AVerifierWithoutAChallengeIsRefused) {
  sign_in();
  Fields asked = app_code_;
  asked.push_back({"code_challenge", "-"});
  asked.push_back({"code_challenge_method", "-"});
  Fields given = app_code_;
  given.push_back({"client_secret", "s3cret"});
  expect_refused(redeem(code(asked), given), 400, "invalid_grant");
  given.push_back({"code_verifier", "-"});
  EXPECT_EQ(redeem(code(asked), given).status, 200);
}

TEST_F(Token, ClientsProveWhoTheyAre) {
  sign_in();
  const auto with = [&](Fields extra, std::vector<http::Field> headers = {}) {
    Fields all{{"grant_type", "authorization_code"},
               {"redirect_uri", std::string(kAppReturn)},
               {"code", code(app_code_)},
               {"code_verifier", std::string(kVerifier)}};
    for (auto& field : extra) all.push_back(std::move(field));
    return post(std::string(kPath) + "/token", form(all), std::move(headers));
  };
  EXPECT_EQ(with({{"client_id", "app"}, {"client_secret", "s3cret"}}).status, 200);
  EXPECT_EQ(with({}, basic("app", "s3cret")).status, 200);
  for (const Answer& answer :
       {with({{"client_id", "app"}}), with({{"client_id", "app"}, {"client_secret", ""}}),
        with({{"client_id", "app"}, {"client_secret", "wrong"}}), with({}, basic("app", "wrong")),
        with({}, basic("app", "")), with({}, basic("nobody", "s3cret")), with({}),
        with({{"client_id", "nobody"}})}) {
    expect_refused(answer, 401, "invalid_client");
    EXPECT_TRUE(answer.header("www-authenticate").starts_with("Basic "));
  }
  EXPECT_NE(with({{"client_secret", "s3cret"}}, basic("app", "s3cret")).status, 200)
      << "two methods at once";
}

// kubectl's built-in provider sends Basic with an empty secret first.
TEST_F(Token, BasicWithAnEmptySecretIsAPublicClient) {
  sign_in();
  const auto answer = post(std::string(kPath) + "/token",
                           form({{"grant_type", "authorization_code"},
                                 {"redirect_uri", std::string(kLoopback)},
                                 {"code", code()},
                                 {"code_verifier", std::string(kVerifier)}}),
                           basic("kubernetes", ""));
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(Token, WhatIsNoTokenRequestIsRefused) {
  const std::string path = std::string(kPath) + "/token";
  expect_refused(post(path, form({{"client_id", "kubernetes"}})), 400, "invalid_request");
  expect_refused(post(path, form({{"client_id", "kubernetes"}, {"grant_type", "implicit"}})), 400,
                 "unsupported_grant_type");
  expect_refused(post(path, form({{"client_id", "kubernetes"}, {"grant_type", "password"}})), 400,
                 "unauthorized_client");
  expect_refused(post(path, form({{"client_id", "kubernetes"},
                                  {"grant_type", "refresh_token"},
                                  {"grant_type", "refresh_token"}})),
                 400, "invalid_request");
  expect_refused(post(path + "?client_id=kubernetes", form({{"grant_type", "refresh_token"}})), 400,
                 "invalid_request");
  expect_refused(ask("POST", path, "{}", {{"content-type", "application/json"}}), 415,
                 "invalid_request");
  expect_refused(ask("POST", path, "grant_type=%"), 400, "invalid_request");
  expect_refused(ask("POST", path, std::string(70'000, 'a')), 413, "invalid_request");
  EXPECT_EQ(get(path).status, 405);
}

TEST_F(Token, ARefreshGivesANewIdTokenEveryTime) {
  sign_in();
  const Answer first = redeem(code());
  const Answer second = refresh(member(first, "refresh_token"));
  const Answer third = refresh(member(second, "refresh_token"));
  ASSERT_EQ(third.status, 200);
  const auto one = claims(member(second, "id_token")), two = claims(member(third, "id_token"));
  EXPECT_NE(*one.find_string("jti"), *two.find_string("jti"));
  EXPECT_EQ(one.find("nonce"), nullptr) << "of the authorization request only";
  EXPECT_EQ(*one.find_string("sid"), *two.find_string("sid"));
}

TEST_F(Token, ARefreshTokenIsOfOneClientAndOneIssuer) {
  sign_in();
  const std::string token = member(redeem(code()), "refresh_token");
  expect_refused(refresh(token, "spa"), 400, "invalid_grant");
  expect_refused(refresh(token, "kubernetes", "/auth/idp/prod"), 400, "invalid_grant");
  EXPECT_EQ(refresh(token).status, 200);
}

TEST_F(Token, ScopeMayBeNarrowedButNotWidenedAndTheTokenSurvivesTheTry) {
  sign_in();
  Fields asked = app_code_;
  asked.push_back({"scope", "openid email"});
  Fields given = app_code_;
  given.push_back({"client_secret", "s3cret"});
  const Answer first = redeem(code(asked), given);
  ASSERT_EQ(first.status, 200) << first.body;
  const auto with_scope = [&](const std::string& token, const char* scope) {
    return post(std::string(kPath) + "/token", form({{"grant_type", "refresh_token"},
                                                     {"client_id", "app"},
                                                     {"client_secret", "s3cret"},
                                                     {"scope", scope},
                                                     {"refresh_token", token}}));
  };
  const std::string token = member(first, "refresh_token");
  expect_refused(with_scope(token, "openid groups"), 400, "invalid_scope");
  clock.advance(Seconds(60));
  const Answer narrowed = with_scope(token, "openid openid");
  ASSERT_EQ(narrowed.status, 200) << narrowed.body;
  EXPECT_EQ(member(narrowed, "scope"), "openid");
  EXPECT_EQ(claims(member(narrowed, "id_token")).find("email"), nullptr);
  EXPECT_EQ(member(with_scope(member(narrowed, "refresh_token"), ""), "scope"), "openid email");
}

TEST_F(Token, ATokenThatWouldBeTooLargeIsRefusedAndComesBackWithFewerGroups) {
  std::vector<std::string> many;
  for (int i = 0; i < 400; ++i) many.push_back("team-with-quite-a-long-name-" + std::to_string(i));
  sign_in();
  const std::string token = member(redeem(code()), "refresh_token");
  provider->answer = [&](std::string, identity::Grant) {
    return session::testing::person("alice", many);
  };
  read_upstream_again();
  Answer refused = refresh(token);
  for (int i = 0; i < 3; ++i) {
    expect_refused(refused, 403, "access_denied");
    EXPECT_NE(member(refused, "error_description").find("400"), std::string::npos);
    clock.advance(Seconds(60));
    refused = refresh(token);
  }
  provider->answer = [](std::string, identity::Grant) { return session::testing::person(); };
  read_upstream_again();
  EXPECT_EQ(refresh(token).status, 200) << "the refusals didn't spend it";
}

TEST_F(Token, WhoLosesTheClientsGroupsLosesItsSession) {
  app.az_groups = {"ops"};
  sign_in();
  Fields given = app_code_;
  given.push_back({"client_secret", "s3cret"});
  const Answer first = redeem(code(app_code_), given);
  ASSERT_EQ(first.status, 200);
  provider->answer = [](std::string, identity::Grant) {
    return session::testing::person("alice", {"dev"});
  };
  clock.advance(Seconds(330));
  const auto next = post(std::string(kPath) + "/token",
                         form({{"grant_type", "refresh_token"},
                               {"client_id", "app"},
                               {"client_secret", "s3cret"},
                               {"refresh_token", member(first, "refresh_token")}}));
  expect_refused(next, 400, "invalid_grant");
  EXPECT_NE(member(next, "error_description").find("ops"), std::string::npos);
}

}  // namespace
}  // namespace openunison::oidc
