// SPDX-License-Identifier: Apache-2.0
//
// Introspection (RFC 7662): what a client learns of its own tokens, and that it learns nothing of
// any other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;
using ::testing::HasSubstr;

constexpr const char* kInactive = R"({"active":false})";

class Introspection : public ::testing::Test, protected Desk {
 protected:
  // Tokens of the confidential client "app".
  Answer app_tokens() {
    const Fields asked{{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}};
    Fields given = asked;
    given.emplace_back("client_secret", "s3cret");
    return redeem(code(asked), given);
  }
  Answer app_refresh(const std::string& token) {
    return post(std::string(kPath) + "/token", form({{"grant_type", "refresh_token"},
                                                     {"client_id", "app"},
                                                     {"client_secret", "s3cret"},
                                                     {"refresh_token", token}}));
  }
  Answer introspect(const std::string& token, const Fields& more = {},
                    std::string_view path = kPath) {
    Fields all{{"client_id", "app"}, {"client_secret", "s3cret"}, {"token", token}};
    for (const auto& [name, value] : more) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/introspect", form(all));
  }
  std::string stated(const Answer& answer) {
    return answer.status == 200 ? answer.body : std::to_string(answer.status) + answer.body;
  }
};

TEST_F(Introspection, OwnTokensAreToldOf) {
  const session::Current alice = sign_in();
  const Answer tokens = app_tokens();
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  const std::string sid = *claims(member(tokens, "id_token")).find_string("sid");
  const std::string issuer = std::string(kOrigin) + std::string(kPath);
  const Answer access = introspect(member(tokens, "access_token"));
  EXPECT_EQ(stated(access),
            R"({"active":true,"scope":"openid groups","client_id":"app","username":"alice",)"
            R"("token_type":"Bearer","exp":1700000060,"sub":"alice","iss":")" +
                issuer + R"(","sid":")" + sid + "\"}");
  EXPECT_EQ(access.header("cache-control"), "no-store");
  EXPECT_EQ(access.header("content-type"), "application/json");
  EXPECT_EQ(stated(introspect(member(tokens, "refresh_token"))),
            R"({"active":true,"scope":"openid groups","client_id":"app","username":"alice",)"
            R"("token_type":"refresh_token","exp":1700043200,"iat":1700000000,"sub":"alice",)"
            R"("iss":")" +
                issuer + R"(","sid":")" + sid + "\"}");
  // By Basic as well, and whatever the hint says (§2.1).
  Answer basic_answer =
      post(std::string(kPath) + "/introspect",
           form({{"token", member(tokens, "access_token")}, {"token_type_hint", "nonsense"}}),
           basic("app", "s3cret"));
  EXPECT_EQ(basic_answer.body, access.body);
}

TEST_F(Introspection, LookingUsesNothingUpAndKeepsNothingAlive) {
  sign_in();
  const Answer tokens = app_tokens();
  const std::string refresh_token = member(tokens, "refresh_token");
  clock.advance(Seconds(40));
  const std::string before = introspect(refresh_token).body;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(introspect(refresh_token).body, before);
  const auto session =
      store::SessionId::parse(*claims(member(tokens, "id_token")).find_string("sid"));
  const auto live = run(sessions().find(*session));
  ASSERT_TRUE(live);
  EXPECT_EQ(live->live.session.generation, 1u);
  EXPECT_EQ(live->live.session.last_used_at, clock.now() - Seconds(40));
  EXPECT_EQ(live->live.session.stale_refusals, 0u);
  EXPECT_EQ(app_refresh(refresh_token).status, 200);
}

// 20 of the negative tests: whoever else asks, and whatever else is asked about.
TEST_F(Introspection, ForeignTokensLookLikeNone) {
  sign_in();
  const Answer own = app_tokens(), kubectl = redeem(code());
  const Answer other_issuer =
      post("/auth/idp/prod/token", form({{"grant_type", "refresh_token"},
                                         {"client_id", "kubernetes"},
                                         {"refresh_token", member(kubectl, "refresh_token")}}));
  EXPECT_EQ(other_issuer.status, 400);
  std::string changed = member(own, "access_token");
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  for (const std::string& token : {std::string("x"), std::string(5'000, 'x'), changed,
                                   member(own, "id_token"), member(kubectl, "access_token"),
                                   member(kubectl, "refresh_token"), member(kubectl, "id_token")}) {
    EXPECT_EQ(stated(introspect(token)), kInactive) << token;
  }
}

TEST_F(Introspection, OnlyClientsWithASecretMayAsk) {
  sign_in();
  const std::string token = member(redeem(code()), "access_token");
  const std::string own = member(app_tokens(), "access_token");
  struct Case {
    const char* what;
    Fields changes;
    std::string_view path = kPath;
  };
  for (const Case& each : {
           Case{"kubectl", {{"client_id", "kubernetes"}, {"client_secret", "-"}}},
           Case{"a script", {{"client_id", "spa"}, {"client_secret", "-"}}},
           Case{"kubectl oulogin", {{"client_id", "kubectl-oulogin"}, {"client_secret", "-"}}},
           Case{"no secret", {{"client_secret", "-"}}},
           Case{"a wrong secret", {{"client_secret", "s3cre"}}},
           Case{"an empty secret", {{"client_secret", ""}}},
           Case{"nobody", {{"client_id", "nobody"}}},
           Case{"no client", {{"client_id", "-"}, {"client_secret", "-"}}},
           Case{"at an issuer that doesn't know it", {}, "/auth/idp/prod"},
       }) {
    for (const std::string& asked : {token, own}) {
      const Answer answer = introspect(asked, each.changes, each.path);
      EXPECT_EQ(answer.status, 401) << each.what;
      EXPECT_EQ(member(answer, "error"), "invalid_client") << each.what;
      EXPECT_TRUE(answer.header("www-authenticate").starts_with("Basic ")) << each.what;
    }
  }
  EXPECT_EQ(introspect(own, {{"token", "-"}}).status, 400);
  EXPECT_EQ(get(std::string(kPath) + "/introspect?token=" + own).status, 405);
}

TEST_F(Introspection, WhatIsOverIsInactive) {
  const session::Current alice = sign_in();
  const Answer tokens = app_tokens();
  const std::string access = member(tokens, "access_token");
  const std::string refresh_token = member(tokens, "refresh_token");
  clock.advance(Seconds(60));
  EXPECT_EQ(stated(introspect(access)), kInactive);
  EXPECT_THAT(introspect(refresh_token).body, HasSubstr("\"active\":true"));
  ASSERT_TRUE(run(sessions().end({.sign_in = alice.live.sign_in.id}, "sign_out", caller)));
  EXPECT_EQ(stated(introspect(refresh_token)), kInactive);
}

TEST_F(Introspection, AReplacedRefreshTokenIsActiveAsLongAsItIsTaken) {
  sign_in();
  const std::string first = member(app_tokens(), "refresh_token");
  const Answer rotated = app_refresh(first);
  const std::string second = member(rotated, "refresh_token");
  EXPECT_THAT(introspect(first).body, HasSubstr("\"active\":true"));
  EXPECT_EQ(introspect(first).body.find("\"iat\""), std::string::npos);
  clock.advance(values->authentication.grace_period);
  EXPECT_EQ(stated(introspect(first)), kInactive);
  EXPECT_THAT(introspect(second).body, HasSubstr("\"active\":true"));
  EXPECT_THAT(introspect(second).body, HasSubstr("\"iat\":1700000000"));
}

TEST_F(Introspection, ARefreshTokenEndsWithItsIdleTime) {
  values->authentication.kubectl_idle = Seconds(600);
  sign_in();
  const std::string token = member(app_tokens(), "refresh_token");
  EXPECT_THAT(introspect(token).body, HasSubstr("\"exp\":1700000600"));
  clock.advance(Seconds(600));
  EXPECT_EQ(stated(introspect(token)), kInactive);
}

TEST_F(Introspection, WhoMayNotUseTheClientAnyMoreHasNoTokenThatCounts) {
  app.az_groups = {"ops"};
  sign_in();
  const std::string token = member(app_tokens(), "refresh_token");
  const std::string kubectl = member(redeem(code()), "refresh_token");
  EXPECT_THAT(introspect(token).body, HasSubstr("\"active\":true"));
  provider->answer = [](std::string, identity::Grant) {
    return session::testing::person("alice", {"others"});
  };
  clock.advance(2 * values->authentication.group_refresh);
  ASSERT_EQ(refresh(kubectl).status, 200);
  EXPECT_EQ(stated(introspect(token)), kInactive);
}

TEST_F(Introspection, AStoreThatFailsSaysNothingOfTheToken) {
  sign_in();
  const Answer tokens = app_tokens();
  store.find_fails = true;
  for (const char* name : {"access_token", "refresh_token"}) {
    const Answer answer = introspect(member(tokens, name));
    EXPECT_EQ(answer.status, 503) << name;
    EXPECT_EQ(member(answer, "error"), "temporarily_unavailable") << name;
  }
}

TEST_F(Introspection, DiscoveryNamesItWhereAClientCouldUseIt) {
  const Answer first = get(std::string(kPath) + "/.well-known/openid-configuration");
  EXPECT_EQ(member(first, "introspection_endpoint"),
            std::string(kOrigin) + std::string(kPath) + "/introspect");
  EXPECT_THAT(first.body, HasSubstr(R"("introspection_endpoint_auth_methods_supported":)"
                                    R"(["client_secret_basic","client_secret_post"])"));
  EXPECT_EQ(get("/auth/idp/prod/.well-known/openid-configuration").body.find("introspection"),
            std::string::npos);
}

TEST_F(Introspection, ScriptsMayNotCallIt) {
  for (const char* origin : {"https://spa.example", "https://evil.example"}) {
    EXPECT_EQ(ask("OPTIONS", std::string(kPath) + "/introspect", "", {{"origin", origin}}).status,
              405);
  }
}

}  // namespace
}  // namespace openunison::oidc
