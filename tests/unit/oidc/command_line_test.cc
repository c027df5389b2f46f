// SPDX-License-Identifier: Apache-2.0
//
// kubectl oulogin at the provider: its client, the names of machines, and token exchange (RFC 8693)
// for persons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kClient = "kubectl-oulogin";
constexpr const char* kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr const char* kAccessToken = "urn:ietf:params:oauth:token-type:access_token";

class CommandLine : public ::testing::Test, protected Desk {
 protected:
  Answer authorize_program(const Fields& changes = {}) {
    Fields all = authorization({{"client_id", kClient}, {"scope", "openid offline_access"}});
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return get(std::string(kPath) + "/auth?" + form(all).encode());
  }
  session::Current sign_in(identity::Identity who = session::testing::person()) {
    auto current = Desk::sign_in(std::move(who));
    csrf_ = sessions().csrf_token(current);
    return current;
  }
  // What the person answers to the question of the last request.
  Answer say(const std::string& answer = "allow") {
    Fields all{{"answer", answer}, {"csrf", csrf_}};
    for (const auto& [name, value] : pages.asked.fields) all.emplace_back(name, value);
    return post(pages.asked.action, form(all));
  }
  Answer allowed(const Fields& changes = {}) {
    const Answer answer = authorize_program(changes);
    return answer.body.starts_with("consent of ") ? say() : answer;
  }
  // Tokens of the program; somebody must be signed in.
  Answer program(const Fields& changes = {}) {
    Fields all{{"client_id", kClient}, {"device_name", "build-7"}};
    all.insert(all.end(), changes.begin(), changes.end());
    return redeem(parameter(allowed(), "code"), all);
  }
  Answer exchange(const std::string& subject, const Fields& changes = {},
                  std::string_view path = kPath) {
    Fields all{{"grant_type", kExchange},
               {"client_id", "kubernetes"},
               {"subject_token", subject},
               {"subject_token_type", kAccessToken},
               {"device_name", "build-7"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/token", form(all));
  }
  std::string subject() { return member(program(), "access_token"); }
  std::vector<session::Current> sessions_of(const session::Current& person) {
    auto listed = run(sessions().list({.sign_in = person.live.sign_in.id}, 50));
    CHECK(listed);
    return std::move(*listed);
  }
  // The newest session of this origin.
  std::string label_of(const session::Current& person, store::Origin origin) {
    for (const session::Current& each : sessions_of(person)) {
      if (each.live.session.origin == origin) return each.live.session.label;
    }
    return "none";
  }
  static std::string error_of(const Answer& answer) { return member(answer, "error"); }

 private:
  std::string csrf_;
};

// --- The client ---

TEST_F(CommandLine, ItsTokensAreForUsAloneAndSaySoLittle) {
  const session::Current alice = sign_in();
  const Answer tokens = program();
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  const text::Json id_token = claims(member(tokens, "id_token"));
  EXPECT_EQ(*id_token.find_string("aud"), kClient);
  EXPECT_EQ(id_token.find("groups"), nullptr);
  EXPECT_EQ(member(tokens, "scope"), "openid offline_access");
  EXPECT_EQ(label_of(alice, store::Origin::code), "kubectl oulogin on build-7");
  EXPECT_EQ(refresh(member(tokens, "refresh_token"), kClient).status, 200);
}

TEST_F(CommandLine, ScopesThatItHasNoUseForAreNotGranted) {
  sign_in();
  const Answer back = allowed({{"scope", "openid profile email groups offline_access"}});
  const Answer tokens = redeem(parameter(back, "code"), {{"client_id", kClient}});
  EXPECT_EQ(member(tokens, "scope"), "openid offline_access");
}

TEST_F(CommandLine, ItsRedirectsAreLoopbackAddressesByNumber) {
  sign_in();
  struct Case {
    const char* uri;
    bool allowed;
  };
  for (const Case& each :
       {Case{"http://127.0.0.1:1/callback", true}, Case{"http://127.0.0.1:65535/callback", true},
        Case{"http://[::1]:4321/callback", true}, Case{"http://localhost:4321/callback", false},
        Case{"http://127.0.0.1:4321/", false}, Case{"http://127.0.0.1:4321/callback/", false},
        Case{"http://127.0.0.1:4321/callback?x=1", false},
        Case{"http://127.0.0.1:0/callback", false}, Case{"http://127.0.0.1:65536/callback", false},
        Case{"http://127.0.0.2:4321/callback", false},
        Case{"http://127.0.0.1.evil.example:4321/callback", false},
        Case{"http://user@127.0.0.1:4321/callback", false},
        Case{"https://127.0.0.1:4321/callback", false},
        Case{"http://192.0.2.1:4321/callback", false}}) {
    const Answer answer = allowed({{"redirect_uri", each.uri}});
    EXPECT_EQ(answer.status, each.allowed ? 303 : 400) << each.uri;
    EXPECT_EQ(!parameter(answer, "code").empty(), each.allowed) << each.uri;
  }
}

TEST_F(CommandLine, NobodyGetsItsCodeWithoutTheQuestion) {
  sign_in();  // a moment ago
  const Answer page = authorize_program({{"redirect_uri", "http://127.0.0.1:4321/callback"}});
  EXPECT_EQ(page.body, "consent of alice");
  EXPECT_EQ(page.location(), "");
  EXPECT_EQ(pages.asked.origin, "http://127.0.0.1:4321");
  EXPECT_TRUE(pages.asked.is_command_line);
  EXPECT_EQ(parameter(authorize_program({{"prompt", "none"}}), "error"), "consent_required");
  EXPECT_EQ(parameter(authorize_program({{"prompt", "none"}}), "code"), "");
  authorize_program();
  EXPECT_EQ(parameter(say("deny"), "error"), "access_denied");
  authorize_program();
  EXPECT_FALSE(parameter(say(), "code").empty());
}

TEST_F(CommandLine, PkceIsDemandedOfIt) {
  sign_in();
  const Answer answer =
      authorize_program({{"code_challenge", "-"}, {"code_challenge_method", "-"}});
  EXPECT_EQ(parameter(answer, "error"), "invalid_request");
  EXPECT_EQ(parameter(authorize_program({{"code_challenge_method", "plain"}}), "error"),
            "invalid_request");
}

TEST_F(CommandLine, ItIsOfTheFirstIssuerOnlyAndOnlyWhereValuesHaveIt) {
  const Answer other = post("/auth/idp/prod/device", form({{"client_id", kClient}}));
  EXPECT_EQ(error_of(other), "invalid_client");
}

TEST_F(CommandLine, TurnedOffThereIsNoneOfIt) {
  command_line = false;
  sign_in();
  EXPECT_EQ(authorize_program().status, 400);
  EXPECT_EQ(error_of(post(std::string(kPath) + "/device", form({{"client_id", kClient}}))),
            "invalid_client");
  EXPECT_EQ(error_of(exchange("x")), "unauthorized_client");
  EXPECT_THAT(get(std::string(kPath) + "/.well-known/openid-configuration").body,
              Not(HasSubstr(kExchange)));
}

// --- The machine's name ---

TEST_F(CommandLine, ANameOfTheMachineThatNobodyCouldReadIsRefusedAndSpendsNothing) {
  sign_in();
  const std::string code = parameter(allowed(), "code");
  for (const std::string& name :
       {std::string(65, 'x'), std::string("a\nb"), std::string("\xff"), std::string("\x1b[31m")}) {
    const Answer refused = redeem(code, {{"client_id", kClient}, {"device_name", name}});
    EXPECT_EQ(error_of(refused), "invalid_request");
    if (name != "\xff") EXPECT_THAT(refused.body, HasSubstr("device_name"));
  }
  const Answer tokens =
      redeem(code, {{"client_id", kClient}, {"device_name", std::string(64, 'x')}});
  EXPECT_EQ(tokens.status, 200) << tokens.body;
  EXPECT_EQ(error_of(exchange(member(tokens, "access_token"), {{"device_name", "a\nb"}})),
            "invalid_request");
}

TEST_F(CommandLine, WithoutANameASessionIsCalledAfterItsClient) {
  const session::Current alice = sign_in();
  redeem(parameter(allowed(), "code"), {{"client_id", kClient}});
  EXPECT_EQ(label_of(alice, store::Origin::code), "kubectl oulogin");
}

// --- Token exchange ---

TEST_F(CommandLine, AnAccessTokenOfItsGetsTokensOfACluster) {
  const session::Current alice = sign_in();
  const std::string token = subject();
  const Answer given = exchange(token);
  ASSERT_EQ(given.status, 200) << given.body;
  EXPECT_EQ(given.header("cache-control"), "no-store");
  EXPECT_EQ(member(given, "issued_token_type"), kAccessToken);
  EXPECT_EQ(member(given, "token_type"), "Bearer");
  EXPECT_EQ(member(given, "scope"), "openid profile email groups offline_access");
  const text::Json id_token = claims(member(given, "id_token"));
  EXPECT_EQ(*id_token.find_string("aud"), "kubernetes");
  EXPECT_EQ(*id_token.find_string("sub"), alice.principal.user);
  EXPECT_EQ(id_token.find("groups")->dump(), R"(["ops"])");
  EXPECT_EQ(label_of(alice, store::Origin::exchange), "kubectl for demo on build-7");
  EXPECT_EQ(refresh(member(given, "refresh_token")).status, 200);
  // Only looked at.
  EXPECT_EQ(exchange(token).status, 200);
  // Others don't say what type it is.
  EXPECT_EQ(program().body.find("issued_token_type"), std::string::npos);
}

TEST_F(CommandLine, AClusterWithAnIssuerOfItsOwnExchangesAtThatOne) {
  sign_in();
  const Answer given = exchange(subject(), {}, "/auth/idp/prod");
  ASSERT_EQ(given.status, 200) << given.body;
  EXPECT_EQ(*claims(member(given, "id_token")).find_string("iss"),
            std::string(kOrigin) + "/auth/idp/prod");
  EXPECT_EQ(refresh(member(given, "refresh_token")).status, 400) << "of another issuer";
}

TEST_F(CommandLine, WhatAnExchangeMayAskFor) {
  sign_in();
  const std::string token = subject();
  struct Case {
    Fields changes;
    const char* error;  // "": granted
  };
  for (const Case& each :
       {Case{{{"audience", "kubernetes"}}, ""},
        Case{{{"requested_token_type", kAccessToken}}, ""},
        Case{{{"resource", ""}}, ""},
        Case{{{"kept_by", "kubectl"}}, ""},
        Case{{{"kept_by", ""}}, ""},
        Case{{{"kept_by", "me"}}, "invalid_request"},
        Case{{{"kept_by", "Kubectl"}}, "invalid_request"},
        Case{{{"audience", "kubernetes-prod"}}, "invalid_target"},
        Case{{{"audience", kClient}}, "invalid_target"},
        Case{{{"resource", "https://demo.example:6443"}}, "invalid_target"},
        Case{{{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
             "invalid_request"},
        Case{{{"requested_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
             "invalid_request"},
        Case{{{"subject_token", "-"}}, "invalid_request"},
        Case{{{"subject_token", ""}}, "invalid_request"},
        Case{{{"subject_token_type", "-"}}, "invalid_request"},
        Case{{{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}}, "invalid_request"},
        Case{{{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
             "invalid_request"},
        Case{{{"actor_token", "x"}}, "invalid_request"},
        Case{{{"actor_token_type", kAccessToken}}, "invalid_request"},
        Case{{{"client_id", "spa"}}, "unauthorized_client"},
        Case{{{"client_id", kClient}}, "unauthorized_client"},
        Case{{{"client_id", "app"}, {"client_secret", "s3cret"}}, "unauthorized_client"},
        Case{{{"client_id", "app"}}, "invalid_client"},
        Case{{{"client_id", "nobody"}}, "invalid_client"}}) {
    const Answer answer = exchange(token, each.changes);
    EXPECT_EQ(error_of(answer), each.error)
        << each.changes[0].first << ' ' << each.changes[0].second;
    EXPECT_EQ(answer.status, *each.error == '\0'                                ? 200
                             : std::string_view(each.error) == "invalid_client" ? 401
                                                                                : 400)
        << answer.body;
  }
}

// kubectl's built-in provider comes with old tokens by its own fault, the program doesn't.
TEST_F(CommandLine, AStaleTokenEndsWhatTheProgramKeepsAndNotWhatKubectlKeeps) {
  for (const bool kubectl : {true, false}) {
    sign_in();
    const std::string first = member(
        exchange(subject(), kubectl ? Fields{{"kept_by", "kubectl"}} : Fields{}), "refresh_token");
    const std::string second = member(refresh(first), "refresh_token");
    ASSERT_FALSE(second.empty());
    clock.advance(Seconds(120));  // out of any grace
    EXPECT_EQ(error_of(refresh(first)), "invalid_grant");
    EXPECT_EQ(refresh(second).status, kubectl ? 200 : 400);
  }
}

// Values may say that it ends them too.
TEST_F(CommandLine, WhatKubectlKeepsIsAsPatientAsValuesSay) {
  values->authentication.refuse_reuse_of_pasted = false;
  sign_in();
  const std::string first = member(exchange(subject(), {{"kept_by", "kubectl"}}), "refresh_token");
  const std::string second = member(refresh(first), "refresh_token");
  clock.advance(Seconds(120));
  EXPECT_EQ(error_of(refresh(first)), "invalid_grant");
  EXPECT_EQ(refresh(second).status, 400);
}

TEST_F(CommandLine, NothingElseIsASubjectToken) {
  const session::Current alice = sign_in();
  const Answer tokens = program(), of_cluster = redeem(code());
  const std::string access = member(tokens, "access_token");
  std::string changed = access;
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  for (const std::string& wrong :
       {std::string("x"), changed, member(tokens, "id_token"), member(tokens, "refresh_token"),
        member(of_cluster, "access_token"), member(of_cluster, "id_token")}) {
    const Answer answer = exchange(wrong);
    EXPECT_EQ(answer.status, 400) << wrong;
    EXPECT_EQ(error_of(answer), "invalid_request") << wrong;
  }
  // What an exchange gave is no subject either: access can't be handed on from cluster to cluster.
  const std::string given = member(exchange(access), "access_token");
  EXPECT_EQ(error_of(exchange(given)), "invalid_request");
  // Nor is one that is over, by time or because the sign-in ended.
  EXPECT_EQ(exchange(access).status, 200);
  ASSERT_TRUE(run(sessions().end({.sign_in = alice.live.sign_in.id}, "sign_out", caller)));
  EXPECT_EQ(error_of(exchange(access)), "invalid_request");
  sign_in();
  const std::string late = subject();
  clock.advance(Seconds(60));
  EXPECT_EQ(error_of(exchange(late)), "invalid_request");
}

TEST_F(CommandLine, TheGroupsOfTheClusterHold) {
  values->clusters[0].az_groups = {"admins"};
  const session::Current alice = sign_in();
  const std::string token = subject();
  const std::size_t before = sessions_of(alice).size();
  const Answer refused = exchange(token);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(error_of(refused), "invalid_target");
  EXPECT_THAT(refused.body, HasSubstr("admins"));
  EXPECT_EQ(sessions_of(alice).size(), before) << "nothing was opened";
  EXPECT_EQ(exchange(token, {}, "/auth/idp/prod").status, 200);
}

TEST_F(CommandLine, ATokenThatWouldBeTooLargeOpensNothing) {
  std::vector<std::string> groups;
  for (int i = 0; i < 400; ++i) groups.push_back("group-with-a-long-name-" + std::to_string(i));
  const session::Current alice = sign_in(session::testing::person("alice", groups));
  const std::string token = subject();
  const std::size_t before = sessions_of(alice).size();
  const Answer refused = exchange(token);
  EXPECT_EQ(error_of(refused), "access_denied") << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("groups_filter"));
  EXPECT_EQ(sessions_of(alice).size(), before);
}

TEST_F(CommandLine, AStoreThatFailsIsSaidToBeOne) {
  sign_in();
  const std::string token = subject();
  store.find_sign_in_fails = true;
  const Answer answer = exchange(token);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(error_of(answer), "temporarily_unavailable");
  store.find_sign_in_fails = false;
  EXPECT_EQ(exchange(token).status, 200);
}

// RFC 9700 §4.14: as with code and device, for the plugin keeps its token in a file.
TEST_F(CommandLine, ReuseOfAnExchangedTokenOutsideOfTheGraceRevokesIt) {
  sign_in();
  const Answer given = exchange(subject());
  const std::string first = member(given, "refresh_token");
  const std::string second = member(refresh(first), "refresh_token");
  clock.advance(values->authentication.grace_period + Millis(1));
  EXPECT_EQ(error_of(refresh(first)), "invalid_grant");
  EXPECT_EQ(error_of(refresh(second)), "invalid_grant");
}

TEST_F(CommandLine, DiscoveryNamesTheGrant) {
  for (const char* path : {"/auth/idp/k8sIdp", "/auth/idp/prod"})
    EXPECT_THAT(get(std::string(path) + "/.well-known/openid-configuration").body,
                HasSubstr(kExchange));
}

}  // namespace
}  // namespace openunison::oidc
