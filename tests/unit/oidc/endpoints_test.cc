// SPDX-License-Identifier: Apache-2.0
//
// Discovery, JWKS, userinfo, revocation and sign-out.
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Endpoints : public ::testing::Test, protected Desk {
 protected:
  Answer at(std::string_view name, const Fields& fields, std::vector<http::Field> headers = {}) {
    return post(std::string(kPath) + std::string(name), form(fields), std::move(headers));
  }
  Answer userinfo(const std::string& token, std::string_view path = kPath) {
    return ask("GET", std::string(path) + "/userinfo", "", {{"authorization", "Bearer " + token}});
  }
  bool refreshes(const Answer& tokens) {
    return refresh(member(tokens, "refresh_token")).status == 200;
  }
};

// --- Discovery ---

TEST_F(Endpoints, DiscoveryNamesEndpointsThatAnswer) {
  const Answer answer = get(std::string(kPath) + "/.well-known/openid-configuration");
  ASSERT_EQ(answer.status, 200);
  const auto document = *text::Json::parse(answer.body);
  EXPECT_EQ(*document.find_string("issuer"), std::string(kOrigin) + std::string(kPath));
  for (const char* name : {"authorization_endpoint", "token_endpoint", "userinfo_endpoint",
                           "jwks_uri", "revocation_endpoint", "end_session_endpoint"}) {
    const std::string* url = document.find_string(name);
    ASSERT_NE(url, nullptr) << name;
    ASSERT_TRUE(url->starts_with(std::string(kOrigin) + "/")) << name;
    EXPECT_NE(get(url->substr(kOrigin.size())).status, 404) << name;
  }
  EXPECT_EQ(document.find("response_types_supported")->dump(), R"(["code"])");
  EXPECT_EQ(document.find("code_challenge_methods_supported")->dump(), R"(["S256"])");
}

// Nothing here looks at cookies, so that a script has no more than what it brings along.
TEST_F(Endpoints, ScriptsOfPublicClientsMayCallWhatNeedsNoCookie) {
  for (const char* open : {"/.well-known/openid-configuration", "/certs"})
    EXPECT_EQ(get(std::string(kPath) + open).header("access-control-allow-origin"), "*") << open;
  struct Case {
    const char* origin;
    bool allowed;
  };
  for (const Case& c : {Case{"https://spa.example", true}, Case{"https://app.example", false},
                        Case{"https://evil.example", false}, Case{"http://spa.example", false},
                        Case{"https://spa.example.evil.example", false}, Case{"null", false},
                        Case{"http://localhost:8000", false}}) {
    for (const char* name : {"/token", "/userinfo", "/revoke"}) {
      for (const char* method : {"POST", "OPTIONS"}) {
        const Answer answer = ask(method, std::string(kPath) + name, "", {{"origin", c.origin}});
        EXPECT_EQ(answer.header("access-control-allow-origin"), c.allowed ? c.origin : "")
            << method << name << c.origin;
        EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
        if (std::string_view(method) == "OPTIONS") EXPECT_EQ(answer.status, 204);
      }
    }
    for (const char* name : {"/auth", "/end_session", "/consent", "/par", "/device"}) {
      const Answer answer = ask("OPTIONS", std::string(kPath) + name, "", {{"origin", c.origin}});
      EXPECT_EQ(answer.status, 405) << name;
      EXPECT_EQ(answer.header("access-control-allow-origin"), "") << name;
      EXPECT_EQ(ask("POST", std::string(kPath) + name, "", {{"origin", c.origin}})
                    .header("access-control-allow-origin"),
                "")
          << name;
    }
  }
}

TEST_F(Endpoints, TheJwksHasThePublicHalfOnlyAndVerifiesOurTokens) {
  const Answer answer = get(std::string(kPath) + "/certs");
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.header("cache-control").starts_with("public, max-age="));
  for (const char* secret : {"\"d\"", "\"p\"", "\"q\"", "\"k\""})
    EXPECT_EQ(answer.body.find(secret), std::string::npos) << secret;
  const auto set = jose::JwkSet::parse(answer.body);
  ASSERT_TRUE(set);
  sign_in();
  const std::string token = member(redeem(code()), "id_token");
  const auto parsed = jose::UnverifiedJwt::parse(token);
  ASSERT_TRUE(parsed);
  jose::Expectations expected;
  expected.issuer = std::string(kOrigin) + std::string(kPath);
  EXPECT_TRUE(jose::Verifier::verify(*parsed, *set, expected, clock.now()));
}

// --- Userinfo ---

TEST_F(Endpoints, UserinfoTellsWhatTheScopeCovers) {
  sign_in();
  const Answer tokens = redeem(code());
  const Answer answer = userinfo(member(tokens, "access_token"));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(member(answer, "sub"), "alice");
  EXPECT_NE(answer.body.find("\"groups\":[\"ops\"]"), std::string::npos) << answer.body;
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(at("/userinfo", {{"access_token", member(tokens, "access_token")}}).status, 200)
      << "RFC 6750 §2.2";
}

TEST_F(Endpoints, UserinfoTakesNothingElseForAnAccessToken) {
  sign_in();
  const Answer tokens = redeem(code());
  const std::string access = member(tokens, "access_token");
  std::string changed = access;
  changed[10] = changed[10] == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {std::string("x"), changed, member(tokens, "id_token"), member(tokens, "refresh_token")}) {
    const Answer answer = userinfo(bad);
    EXPECT_EQ(answer.status, 401);
    EXPECT_TRUE(answer.header("www-authenticate").starts_with("Bearer "));
  }
  EXPECT_EQ(userinfo(access, "/auth/idp/prod").status, 401) << "another issuer's";
  EXPECT_EQ(get(std::string(kPath) + "/userinfo?access_token=" + access).status, 401)
      << "never in the address";
  EXPECT_EQ(get(std::string(kPath) + "/userinfo").status, 401);
  clock.advance(Seconds(60));
  EXPECT_EQ(userinfo(access).status, 401) << "over";
}

TEST_F(Endpoints, AnEndedSessionTakesItsAccessTokensAlong) {
  sign_in();
  const Answer tokens = redeem(code());
  ASSERT_EQ(at("/revoke", {{"client_id", "kubernetes"}, {"token", member(tokens, "refresh_token")}})
                .status,
            200);
  EXPECT_EQ(userinfo(member(tokens, "access_token")).status, 401);
  EXPECT_FALSE(refreshes(tokens));
}

// --- Revocation ---

TEST_F(Endpoints, AnAccessTokenRevokesItsSessionToo) {
  sign_in();
  const Answer tokens = redeem(code());
  EXPECT_EQ(at("/revoke", {{"client_id", "kubernetes"}, {"token", member(tokens, "access_token")}})
                .status,
            200);
  EXPECT_FALSE(refreshes(tokens));
}

TEST_F(Endpoints, RevocationByAnybodyElseChangesNothing) {
  sign_in();
  const Answer tokens = redeem(code());
  for (const char* name : {"refresh_token", "access_token"}) {
    const std::string token = member(tokens, name);
    EXPECT_EQ(at("/revoke", {{"client_id", "spa"}, {"token", token}}).status, 200)
        << "RFC 7009 §2.2";
    EXPECT_EQ(
        post("/auth/idp/prod/revoke", form({{"client_id", "kubernetes"}, {"token", token}})).status,
        200);
    EXPECT_EQ(at("/revoke", {{"client_id", "app"}, {"token", token}}).status, 401);
  }
  EXPECT_EQ(at("/revoke", {{"client_id", "kubernetes"}}).status, 400);
  EXPECT_EQ(at("/revoke", {{"client_id", "kubernetes"}, {"token", "unknown"}}).status, 200);
  EXPECT_TRUE(refreshes(tokens));
}

// --- Sign-out ---

class SignOut : public Endpoints {
 protected:
  Answer end(const Fields& fields) {
    return get(std::string(kPath) + "/end_session?" + form(fields).encode());
  }
  // Tokens of "app", which may be returned to after a sign-out.
  Answer app_tokens() {
    const Fields asked{{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}};
    Fields given = asked;
    given.push_back({"client_secret", "s3cret"});
    return redeem(code(asked), given);
  }
};

TEST_F(SignOut, WithAHintEndsTheSignInAndReturns) {
  sign_in();
  const Answer kubectl = redeem(code()), tokens = app_tokens();
  const Answer answer = end({{"id_token_hint", member(tokens, "id_token")},
                             {"post_logout_redirect_uri", "https://app.example/bye"},
                             {"state", "s1"}});
  EXPECT_EQ(answer.status, 303);
  EXPECT_EQ(answer.location(), "https://app.example/bye?state=s1");
  EXPECT_NE(answer.header("set-cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_FALSE(refreshes(kubectl)) << "the whole sign-in";
  EXPECT_TRUE(authorize().location().starts_with("/auth/login?"));
}

TEST_F(SignOut, AnExpiredHintIsStillOne) {
  sign_in();
  const std::string hint = member(app_tokens(), "id_token");
  clock.advance(Seconds(600));
  EXPECT_EQ(end({{"id_token_hint", hint}}).location(), "/signed-out");
}

TEST_F(SignOut, WithLessThePersonIsAskedAndNothingEnds) {
  sign_in();
  const Answer tokens = app_tokens();
  std::string forged = member(tokens, "id_token");
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  const Fields cases[] = {
      {},
      {{"post_logout_redirect_uri", "https://app.example/bye"}, {"client_id", "app"}},
      {{"id_token_hint", forged}},
      {{"id_token_hint", member(tokens, "access_token")}},
      {{"id_token_hint", member(tokens, "id_token")}, {"client_id", "spa"}},
  };
  for (const Fields& fields : cases) EXPECT_EQ(end(fields).location(), "/logout");
  EXPECT_FALSE(code().empty());
}

TEST_F(SignOut, AnUnregisteredReturnIsShownHereAndEndsNothing) {
  sign_in();
  const Answer tokens = app_tokens();
  for (const char* address :
       {"https://evil.example/", "https://app.example/bye/", "javascript:1"}) {
    const Answer answer =
        end({{"id_token_hint", member(tokens, "id_token")}, {"post_logout_redirect_uri", address}});
    EXPECT_EQ(answer.status, 400) << address;
    EXPECT_EQ(answer.location(), "");
  }
  EXPECT_FALSE(code().empty());
}

TEST_F(SignOut, SomebodyElsesHintAsks) {
  sign_in(session::testing::person("bob"));
  const std::string bobs = member(app_tokens(), "id_token");
  sign_in();
  EXPECT_EQ(end({{"id_token_hint", bobs}}).location(), "/logout");
  EXPECT_FALSE(code().empty());
}

TEST_F(SignOut, WithoutABrowserSessionOnlyTheClientsOwnEnds) {
  sign_in();
  const Answer kubectl = redeem(code()), tokens = app_tokens();
  const std::string browser = std::exchange(cookie, "");
  EXPECT_EQ(end({{"id_token_hint", member(tokens, "id_token")}}).location(), "/signed-out");
  cookie = browser;
  EXPECT_TRUE(refreshes(kubectl));
  EXPECT_FALSE(code().empty());
}

// A server that has too much to do isn't the application's fault, and asking again helps.
TEST(Forms, BodyThatFailsIsToldByItsKind) {
  const struct {
    http::Errc failure;
    int status;
    std::string_view error;
  } cases[] = {{http::Errc::unavailable, 503, "temporarily_unavailable"},
               {http::Errc::timed_out, 408, "invalid_request"},
               {http::Errc::body_too_large, 413, "invalid_request"}};
  for (const auto& each : cases) {
    Desk desk;
    desk.body_fails = each.failure;
    for (const char* path : {"/token", "/revoke", "/par", "/device"}) {
      const Answer answer = desk.post(std::string(Desk::kPath) + path, {});
      EXPECT_EQ(answer.status, each.status) << path;
      EXPECT_NE(answer.body.find(each.error), std::string::npos) << path << answer.body;
    }
    for (const char* path : {"/auth", "/end_session"})
      EXPECT_EQ(desk.post(std::string(Desk::kPath) + path, {}).status, each.status) << path;
  }
}

}  // namespace
}  // namespace openunison::oidc
