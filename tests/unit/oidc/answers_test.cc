// SPDX-License-Identifier: Apache-2.0
//
// How authorization requests are answered: response modes, prompts, consent, and the parameter
// `claims`.
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Answers : public ::testing::Test, protected Desk {
 protected:
  // A request of the application "app".
  static Fields of_app(const Fields& changes = {}) {
    Fields all{{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}};
    all.insert(all.end(), changes.begin(), changes.end());
    return all;
  }
  Answer app_tokens(const Fields& changes = {}) {
    return redeem(code(of_app(changes)), of_app({{"client_secret", "s3cret"}}));
  }
  text::Json userinfo(const Answer& tokens) {
    const Answer answer = ask("GET", std::string(kPath) + "/userinfo", "",
                              {{"authorization", "Bearer " + member(tokens, "access_token")}});
    const auto json = text::Json::parse(answer.body);
    return json ? *json : text::Json();
  }
  static std::string waiting(const Answer& answer) { return parameter(answer, "return_to"); }
};

// --- response_mode ---

TEST_F(Answers, FormPostCarriesTheCodeInAForm) {
  sign_in();
  const Answer answer = authorize(of_app({{"response_mode", "form_post"}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.location(), "");
  EXPECT_EQ(pages.posted.action, kAppReturn);
  EXPECT_EQ(pages.field("state"), "the-state");
  EXPECT_EQ(pages.field("iss"), std::string(kOrigin) + std::string(kPath));
  EXPECT_EQ(redeem(pages.field("code"), of_app({{"client_secret", "s3cret"}})).status, 200);
}

TEST_F(Answers, EveryErrorComesInTheModeThatWasAskedFor) {
  sign_in();
  const std::pair<Fields, const char*> cases[] = {
      {{{"request", "eyJhbGciOiJub25lIn0.e30."}}, "request_not_supported"},
      {{{"request", std::string(5'000, 'x')}}, "request_not_supported"},
      {{{"request_uri", "https://app.example/r"}}, "request_uri_not_supported"},
      {{{"registration", "{}"}}, "registration_not_supported"},
      {{{"response_type", "-"}}, "invalid_request"},
      {{{"response_type", "code id_token"}}, "unsupported_response_type"},
      {{{"scope", "email"}}, "invalid_scope"},
      {{{"prompt", "none login"}}, "invalid_request"},
      {{{"prompt", "create"}}, "invalid_request"},
      {{{"claims", "{"}}, "invalid_request"},
  };
  for (const auto& [changes, error] : cases) {
    Fields asked = of_app(changes);
    asked.emplace_back("response_mode", "form_post");
    EXPECT_EQ(authorize(asked).status, 200);
    EXPECT_EQ(pages.field("error"), error) << changes[0].second;
    EXPECT_EQ(pages.field("state"), "the-state");
    EXPECT_EQ(pages.field("code"), "");
    EXPECT_EQ(parameter(authorize(of_app(changes)), "error"), error) << "query";
  }
}

TEST_F(Answers, NoOtherModeIsSupportedAndTheErrorGoesByQuery) {
  sign_in();
  for (const char* mode : {"fragment", "jwt", "web_message", "form_post.jwt"})
    EXPECT_EQ(parameter(authorize(of_app({{"response_mode", mode}})), "error"), "invalid_request")
        << mode;
  EXPECT_FALSE(code(of_app({{"response_mode", "query"}})).empty());
}

TEST_F(Answers, PromptNoneWithoutASessionIsAnsweredInAFormToo) {
  authorize(of_app({{"response_mode", "form_post"}, {"prompt", "none"}}));
  EXPECT_EQ(pages.field("error"), "login_required");
}

TEST_F(Answers, WhatWeDoNotUnderstandIsAccepted) {
  sign_in();
  EXPECT_FALSE(code(of_app({{"display", "popup"},
                            {"ui_locales", "se"},
                            {"claims_locales", "se"},
                            {"acr_values", "1 2"},
                            {"login_hint", "alice@example.com"},
                            {"extra", "foobar"}}))
                   .empty());
}

// --- prompt ---

TEST_F(Answers, SelectAccountWantsASignInOfItsOwnButNoPassword) {
  sign_in();
  clock.advance(Seconds(100));
  const Answer first = authorize({{"prompt", "select_account"}});
  EXPECT_EQ(parameter(first, "select_account"), "1");
  EXPECT_EQ(parameter(first, "force"), "");
  EXPECT_EQ(parameter(get(waiting(first)), "select_account"), "1") << "the former session";
  sign_in();  // authenticated 100 s ago at the upstream: chosen, not asked for a password
  EXPECT_FALSE(parameter(get(waiting(first)), "code").empty());
  EXPECT_EQ(parameter(authorize({{"prompt", "select_account login"}}), "force"), "1");
}

TEST_F(Answers, HintsGoAlongToTheSignIn) {
  const Answer answer = authorize({{"login_hint", "bob"}, {"acr_values", "gold silver"}});
  EXPECT_EQ(parameter(answer, "login_hint"), "bob");
  EXPECT_EQ(parameter(answer, "acr_values"), "gold silver");
}

class Consent : public Answers {
 protected:
  Answer say(const Fields& changes) {
    Fields all{{"answer", "allow"}};
    for (const auto& [name, value] : pages.asked.fields) all.emplace_back(name, value);
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      all.emplace_back(name, value);
    }
    return post(pages.asked.action, form(all));
  }
};

TEST_F(Consent, IsAskedForAndGivesACode) {
  const auto current = sign_in();
  const Answer page = authorize(of_app({{"prompt", "consent"}, {"scope", "openid email groups"}}));
  EXPECT_EQ(page.body, "consent of alice");
  EXPECT_EQ(pages.asked.origin, "https://app.example");
  EXPECT_EQ(pages.asked.learns, (std::vector<std::string>{"your user name", "your mail address",
                                                          "the groups that you are in"}));
  const Answer answer = say({{"csrf", sessions().csrf_token(current)}});
  EXPECT_TRUE(answer.location().starts_with(std::string(kAppReturn) + "?code="));
  EXPECT_EQ(parameter(answer, "state"), "the-state");
}

TEST_F(Consent, RefusedIsSaidToTheClient) {
  const auto current = sign_in();
  authorize(of_app({{"prompt", "consent"}, {"response_mode", "form_post"}}));
  say({{"csrf", sessions().csrf_token(current)}, {"answer", "deny"}});
  EXPECT_EQ(pages.field("error"), "access_denied");
  EXPECT_EQ(pages.field("code"), "");
}

TEST_F(Consent, OnlyTheFormOfThisSessionGivesIt) {
  const auto current = sign_in();
  authorize(of_app({{"prompt", "consent"}}));
  EXPECT_EQ(say({}).location(), "") << "no token";
  EXPECT_EQ(say({{"csrf", "x"}}).location(), "");
  const auto other = sign_in(session::testing::person("bob"));
  EXPECT_EQ(say({{"csrf", sessions().csrf_token(current)}}).location(), "") << "alice's token";
  // Neither does anything in the address.
  const std::string query = form(authorization(of_app({{"prompt", "consent"}}))).encode();
  EXPECT_EQ(get(std::string(kPath) + "/auth?" + query + "&answer=allow").location(), "");
}

TEST_F(Consent, ComesAfterTheSignInThatPromptAsksFor) {
  sign_in();
  clock.advance(Seconds(100));
  const Answer first = authorize(of_app({{"prompt", "login consent"}}));
  EXPECT_EQ(parameter(first, "force"), "1");
  identity::Identity again = session::testing::person();
  again.authenticated_at = clock.now();
  const auto current = sign_in(again);
  EXPECT_EQ(get(waiting(first)).body, "consent of alice");
  EXPECT_FALSE(parameter(say({{"csrf", sessions().csrf_token(current)}}), "code").empty());
}

// --- claims ---

TEST_F(Answers, ClaimsAreGivenWhereTheyWereAskedFor) {
  identity::Identity alice = session::testing::person();
  alice.claims.set("email", "alice@example.com");
  alice.claims.set("picture", "https://a.example/i.png");
  sign_in(alice);
  const Answer tokens = app_tokens(
      {{"scope", "openid"},
       {"claims",
        R"({"userinfo":{"email":{"essential":true},"picture":null},"id_token":{"groups":null}})"}});
  ASSERT_EQ(tokens.status, 200);
  EXPECT_EQ(member(tokens, "scope"), "openid");
  EXPECT_NE(claims(member(tokens, "id_token")).find("groups"), nullptr);
  EXPECT_EQ(claims(member(tokens, "id_token")).find("email"), nullptr);
  EXPECT_NE(userinfo(tokens).find("email"), nullptr);
  EXPECT_NE(userinfo(tokens).find("picture"), nullptr);
  EXPECT_EQ(userinfo(tokens).find("groups"), nullptr);
  // A refresh gives the same (§12.2).
  const Answer again = post(std::string(kPath) + "/token",
                            form({{"grant_type", "refresh_token"},
                                  {"client_id", "app"},
                                  {"client_secret", "s3cret"},
                                  {"scope", "openid"},
                                  {"refresh_token", member(tokens, "refresh_token")}}));
  EXPECT_NE(claims(member(again, "id_token")).find("groups"), nullptr);
  EXPECT_NE(userinfo(again).find("email"), nullptr);
}

TEST_F(Answers, AClustersTokensGrowByNothing) {
  identity::Identity alice = session::testing::person();
  alice.claims.set("picture", "https://a.example/i.png");
  sign_in(alice);
  const Answer tokens = redeem(code({{"claims", R"({"id_token":{"picture":null}})"}}));
  EXPECT_EQ(claims(member(tokens, "id_token")).find("picture"), nullptr);
}

TEST_F(Answers, ASubThatIsAskedForIsACondition) {
  sign_in();
  const std::string bob = R"({"id_token":{"sub":{"value":"bob"}}})";
  EXPECT_EQ(parameter(authorize(of_app({{"claims", bob}, {"prompt", "none"}})), "error"),
            "login_required");
  EXPECT_TRUE(authorize(of_app({{"claims", bob}})).location().starts_with("/auth/login?"));
  EXPECT_FALSE(
      code(of_app({{"claims", R"({"id_token":{"sub":{"value":"alice"}}})"}, {"prompt", "none"}}))
          .empty());
}

TEST_F(Answers, AnEssentialAcrIsACondition) {
  identity::Identity alice = session::testing::person();
  alice.acr = "silver";
  sign_in(alice);
  clock.advance(Seconds(100));
  const std::string gold = R"({"id_token":{"acr":{"essential":true,"values":["gold"]}}})";
  EXPECT_FALSE(code(of_app({{"claims", R"({"id_token":{"acr":{"values":["gold"]}}})"}})).empty())
      << "voluntary";
  const Answer first = authorize(of_app({{"claims", gold}}));
  EXPECT_EQ(parameter(first, "acr_values"), "gold");
  alice.authenticated_at = clock.now();
  sign_in(alice);
  EXPECT_EQ(parameter(get(waiting(first)), "error"), "unmet_authentication_requirements");
  alice.acr = "gold";
  sign_in(alice);
  const std::string given = parameter(get(waiting(first)), "code");
  const Answer tokens = redeem(given, of_app({{"client_secret", "s3cret"}}));
  EXPECT_EQ(*claims(member(tokens, "id_token")).find_string("acr"), "gold");
}

TEST_F(Answers, ClaimsThatCannotBeReadAreRefused) {
  sign_in();
  for (const char* bad :
       {"{", "[]", "7", R"({"id_token":7})", R"({"userinfo":{"email":true}})",
        R"({"id_token":{"sub":{"value":7}}})", R"({"id_token":{"sub":{"values":["a","b"]}}})",
        R"({"userinfo":{"email":null,"email":null}})"})
    EXPECT_EQ(parameter(authorize(of_app({{"claims", bad}})), "error"), "invalid_request") << bad;
  for (const char* good : {"{}", R"({"id_token":{},"other":7})",
                           R"({"userinfo":{"http://a.example/x":null,"email#de":null}})"})
    EXPECT_FALSE(code(of_app({{"claims", good}})).empty()) << good;
}

}  // namespace
}  // namespace openunison::oidc
