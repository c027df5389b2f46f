// SPDX-License-Identifier: Apache-2.0
//
// Sign-out in both directions: the address that the browser is sent to, and the provider's logout
// tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oidc_fixture.h"

namespace openunison::identity {
namespace {

class OidcLogout : public OidcFixture {};

TEST_F(OidcLogout, LogoutUrl) {
  EXPECT_FALSE(logout_url(Grant(), "https://portal.example/signed-out"))
      << "the provider isn't known yet";
  ASSERT_TRUE(begin());
  Grant grant;
  grant.id_token = Secret("a.b.c");
  const auto url = logout_url(grant, "https://portal.example/signed-out");
  ASSERT_TRUE(url);
  EXPECT_THAT(*url, testing::StartsWith("https://idp.example/end?"));
  const text::Form query = query_of(*url);
  EXPECT_EQ(query.value("id_token_hint"), "a.b.c");
  EXPECT_EQ(query.value("client_id"), "ou");
  EXPECT_EQ(query.value("post_logout_redirect_uri"), "https://portal.example/signed-out");
  grant.id_token = Secret(std::string(20'000, 'x'));
  const auto without_hint = logout_url(grant, "https://portal.example/");
  ASSERT_TRUE(without_hint);
  EXPECT_EQ(query_of(*without_hint).count("id_token_hint"), 0u);
  EXPECT_EQ(query_of(*without_hint).value("client_id"), "ou");
}

TEST_F(OidcLogout, NoLogoutUrlWhereTheProviderHasNone) {
  provider_.metadata.object()->pop_back();
  ASSERT_TRUE(begin());
  EXPECT_FALSE(logout_url(Grant(), "https://portal.example/"));
}

TEST_F(OidcLogout, LogoutTokens) {
  struct Case {
    const char* name;
    const char* changes;  // members set over the good ones; null removes
    const char* type;
    bool accepted;
  };
  const Case cases[] = {
      {"good", "{}", "logout+jwt", true},
      {"plain JWT", "{}", "JWT", true},
      {"no type", "{}", "", true},
      {"only sid", R"({"sub":null})", "logout+jwt", true},
      {"only sub", R"({"sid":null})", "logout+jwt", true},
      {"neither", R"({"sid":null,"sub":null})", "logout+jwt", false},
      {"nonce", R"({"nonce":"n"})", "logout+jwt", false},
      {"no events", R"({"events":null})", "logout+jwt", false},
      {"other event", R"({"events":{"http://other":{}}})", "logout+jwt", false},
      {"event no object",
       R"({"events":{"http://schemas.openid.net/event/backchannel-logout":true}})", "logout+jwt",
       false},
      {"no jti", R"({"jti":null})", "logout+jwt", false},
      {"jti no text", R"({"jti":7})", "logout+jwt", false},
      {"sid no text", R"({"sid":7})", "logout+jwt", false},
      {"no exp", R"({"exp":null})", "logout+jwt", false},
      {"no iat", R"({"iat":null})", "logout+jwt", false},
      {"other issuer", R"({"iss":"https://evil.example"})", "logout+jwt", false},
      {"other audience", R"({"aud":"other"})", "logout+jwt", false},
      {"expired", R"({"exp":1699999900})", "logout+jwt", false},
      {"old", R"({"iat":1699999000})", "logout+jwt", false},
      {"future", R"({"iat":1700000900})", "logout+jwt", false},
      {"access token", "{}", "at+jwt", false},
  };
  for (const Case& c : cases) {
    text::Json payload = json(
        R"({"iss":"https://idp.example","aud":"ou","iat":1700000000,"exp":1700000060,"jti":"j1","sub":"u1","sid":"s1",
            "events":{"http://schemas.openid.net/event/backchannel-logout":{}}})");
    const text::Json changes = json(c.changes);
    for (const auto& [name, value] : *changes.object()) {
      std::erase_if(*payload.object(),
                    [&wanted = name](const auto& member) { return member.first == wanted; });
      if (!value.is_null()) payload.set(name, value);
    }
    const auto notice = logout_token(provider_.sign(payload, c.type));
    EXPECT_EQ(notice.has_value(), c.accepted)
        << c.name << ": " << (notice ? "" : notice.error().message());
    if (!notice) {
      EXPECT_TRUE(failed_with(notice, Errc::bad_response)) << c.name;
      continue;
    }
    EXPECT_EQ(notice->jti, "j1");
    EXPECT_GT(notice->expires_at, clock_.now() + Seconds(60 + 60))
        << "as long as it would be accepted again";
  }
}

TEST_F(OidcLogout, IdTokenIsNoLogoutToken) {
  provider_.nonce = "n";
  EXPECT_TRUE(failed_with(logout_token(provider_.id_token("")), Errc::bad_response));
}

}  // namespace
}  // namespace openunison::identity
