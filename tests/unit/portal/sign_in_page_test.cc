// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"
#include "text/html.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;

TEST(SignInPage, OffersEveryProviderAsALinkAndTheFormForBuiltInUsers) {
  Site site;
  Browser browser;
  const Answer answer =
      site.get(browser, "/auth/login?return_to=/k8s/demo%3Fa%3Db%26c&login_hint=al");
  EXPECT_THAT(answer.body,
              HasSubstr("href=\"" +
                        text::html_escape("/auth/login?provider=okta&return_to=%2Fk8s%2Fdemo"
                                          "%3Fa%3Db%26c&login_hint=al") +
                        "\""));
  EXPECT_EQ(hidden(answer.body, "return_to"), text::html_escape("/k8s/demo?a=b&c"));
  EXPECT_THAT(answer.body, HasSubstr("value=\"al\""));
}

TEST(SignInPage, BuiltInUsersHaveTheirLabel) {
  Site site;
  Browser browser;
  EXPECT_THAT(site.get(browser, "/auth/login").body, Not(HasSubstr("<h2>")));
  Site named;
  named.values.identity_providers[1].label = "Emergency account";
  EXPECT_THAT(named.get(browser, "/auth/login").body, HasSubstr("<h2>Emergency account</h2>"));
}

// As a GET it would be longer than what the server takes.
TEST(SignInPage, APostedAnswerThatIsTooLargeIsRefused) {
  Site site;
  Browser browser;
  const auto answered = [&](std::size_t size) {
    return site.ask(browser, post("/auth/oidc", form({{"code", std::string(size, 'c')}}))).status;
  };
  EXPECT_EQ(answered(8'000), 303);
  EXPECT_EQ(answered(16'000), 413);
  EXPECT_EQ(answered(60'000), 413);
}

TEST(SignInPage, OverAnotherSessionReplacesIt) {
  Site site;
  site.upstream().identity = person("bob");
  Browser browser;
  site.sign_in(browser);
  const Browser before = browser;
  site.get(browser, "/auth/login?provider=okta");
  site.get(browser, "/auth/oidc?code=c&state=" + site.upstream().begun.state);
  EXPECT_THAT(site.get(browser, "/profile").body, HasSubstr("<code>bob</code>"));
  Browser old = before;
  EXPECT_EQ(site.get(old, "/profile").status, 303);
}

TEST(SignInPage, OneUpstreamNeedsNoPage) {
  Site site;
  site.values.identity_providers.pop_back();
  Browser browser;
  const Answer answer = site.get(browser, "/auth/login?return_to=/profile&login_hint=alice");
  EXPECT_TRUE(answer.location().starts_with("https://idp.example/authorize?")) << answer.location();
  EXPECT_EQ(site.upstream().begun.login_hint, "alice");
  EXPECT_EQ(site.upstream().begun.redirect_uri, "https://portal.example/auth/oidc");
  EXPECT_EQ(browser.cookies.size(), 1u);
}

TEST(SignInPage, ProviderOfTheLastTimeComesFirst) {
  Site site;
  config::IdentityProvider second = site.values.identity_providers[0];
  second.name = "entra";
  second.label = "Entra";
  second.callback = "/auth/oidc/entra";
  site.values.identity_providers.push_back(second);
  Browser browser;
  const auto first_is = [&](const char* label) {
    const std::string body = site.get(browser, "/auth/login").body;
    const std::size_t at = body.find("Continue with ");
    return body.substr(at + 14, std::string_view(label).size()) == label;
  };
  EXPECT_TRUE(first_is("Okta"));
  browser.cookies["__Host-ou-provider"] = "entra";
  EXPECT_TRUE(first_is("Entra"));
}

TEST(SignInPage, AfterAWrongPasswordTheOtherWaysAreStillThere) {
  Site site;
  Browser browser;
  site.users().refusal = std::nullopt;
  const Answer answer =
      site.submit(browser, "/auth/login?return_to=%2Fprofile", "/auth/login/local",
                  form({{"username", "bob"}, {"password", "wrong"}}));
  EXPECT_EQ(answer.status, 401);
  EXPECT_NE(answer.body.find("Continue with Okta"), std::string::npos);
  EXPECT_NE(answer.body.find("value=\"bob\""), std::string::npos);
}

TEST(SignInPage, SignedInWithoutAReasonGoesOn) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  EXPECT_EQ(site.get(browser, "/auth/login").location(), "/");
  // "force" and a chosen provider ask again.
  EXPECT_EQ(site.get(browser, "/auth/login?force=1").status, 200);
  EXPECT_TRUE(site.get(browser, "/auth/login?provider=okta&force=1")
                  .location()
                  .starts_with("https://idp.example/"));
  EXPECT_TRUE(site.upstream().begun.force);
}

}  // namespace
}  // namespace openunison::portal::testing
