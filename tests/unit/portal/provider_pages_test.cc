// SPDX-License-Identifier: Apache-2.0
//
// The pages that the provider shows, and what an authorization request tells the sign-in.
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::portal {
namespace {

using testing::Browser;
using testing::Site;

class ProviderPages : public ::testing::Test {
 protected:
  static http::Request request() {
    http::Request made;
    made.method = "GET";
    made.path = "/auth/idp/k8sIdp/auth";
    made.query = "client_id=app&state=s";
    return made;
  }
  static std::string header(const http::Response& response, std::string_view name) {
    return std::string(response.headers.get(name).value_or(""));
  }

  Site site;
  Browser browser;
};

TEST_F(ProviderPages, AFormPostGoesToTheClientAndNowhereElse) {
  const http::Response page = site.portal().form_post_page(
      request(),
      {"https://app.example/cb?x=1&y=2", "Grafana <1>", {{"code", "a\"b<c"}, {"iss", "i"}}});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(header(page, "cache-control"), "no-store");
  const std::string policy = header(page, "content-security-policy");
  EXPECT_TRUE(policy.ends_with("form-action 'self' https://app.example")) << policy;
  EXPECT_NE(policy.find("script-src 'self'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_NE(page.body.find(R"(action="https://app.example/cb?x=1&amp;y=2" id="form-post")"),
            std::string::npos)
      << page.body;
  EXPECT_NE(page.body.find(R"(name="code" value="a&quot;b&lt;c")"), std::string::npos);
  EXPECT_NE(page.body.find("<button class=\"primary\">Go on</button>"), std::string::npos)
      << "without JavaScript";
  EXPECT_EQ(page.body.find("Grafana <1>"), std::string::npos);
  EXPECT_EQ(page.body.find("client_id=app"), std::string::npos)
      << "the theme's form must not come back to the request";
}

TEST_F(ProviderPages, TheFormIsSentByAFileOfOurs) {
  const http::Response page =
      site.portal().form_post_page(request(), {"https://app.example/cb", "App", {{"code", "c"}}});
  const std::size_t at = page.body.find("/assets/form-post-");
  ASSERT_NE(at, std::string::npos);
  const std::string path = page.body.substr(at, page.body.find('"', at) - at);
  const auto script = site.get(browser, path);
  EXPECT_EQ(script.status, 200);
  EXPECT_TRUE(script.header("content-type").starts_with("text/javascript"));
  EXPECT_NE(script.body.find("getElementById(\"form-post\").submit()"), std::string::npos);
}

TEST_F(ProviderPages, ConsentNamesTheApplicationAndWhatItLearns) {
  const auto current = site.sign_in(browser);
  session::ConsentQuestion question;
  question.client = "Grafana";
  question.action = "/auth/idp/k8sIdp/consent";
  question.origin = "https://grafana.example";
  question.learns = {"your mail address"};
  question.fields = {{"request", "client_id=app&scope=openid"}, {"ou_resume", "sealed"}};
  const http::Response page = site.portal().consent_page(request(), current, question);
  EXPECT_NE(page.body.find("your mail address"), std::string::npos);
  EXPECT_NE(page.body.find("https://grafana.example"), std::string::npos);
  EXPECT_NE(page.body.find(R"(name="request" value="client_id=app&amp;scope=openid")"),
            std::string::npos);
  EXPECT_NE(page.body.find(site.sessions().csrf_token(current)), std::string::npos);
  EXPECT_NE(
      header(page, "content-security-policy").find("form-action 'self' https://grafana.example"),
      std::string::npos);
  for (const char* answer : {"allow", "deny"})
    EXPECT_NE(page.body.find(std::string("name=\"answer\" value=\"") + answer), std::string::npos);
}

TEST_F(ProviderPages, WhatTheClientWishesReachesTheProvider) {
  const auto answer = site.get(
      browser, "/auth/login?provider=okta&select_account=1&login_hint=bob&acr_values=gold");
  EXPECT_EQ(answer.status, 303);
  EXPECT_TRUE(site.upstream().begun.select_account);
  EXPECT_FALSE(site.upstream().begun.force);
  EXPECT_EQ(site.upstream().begun.login_hint, "bob");
  EXPECT_EQ(site.upstream().begun.acr_values, "gold");
  site.sign_in(browser);
  EXPECT_EQ(site.get(browser, "/auth/login?select_account=1").status, 200)
      << "who is signed in is asked all the same";
  EXPECT_EQ(site.get(browser, "/auth/login").status, 303);
  const auto page = site.get(browser, "/auth/login?select_account=1&acr_values=gold");
  EXPECT_NE(page.body.find("select_account=1"), std::string::npos);
  EXPECT_NE(page.body.find("acr_values=gold"), std::string::npos);
}

}  // namespace
}  // namespace openunison::portal
