// SPDX-License-Identifier: Apache-2.0
//
// Where a sign-in leads: back to the page that was asked for, and never to another site.
#include <gtest/gtest.h>

#include "fixture.h"
#include "text/html.h"
#include "text/url.h"

namespace openunison::portal::testing {
namespace {

TEST(NotSignedIn, PagesSendToSignInAndBack) {
  struct Case {
    const char* target;
    const char* location;
  };
  const Case cases[] = {
      {"/", "/auth/login?return_to=%2F"},
      {"/k8s", "/auth/login?return_to=%2Fk8s"},
      {"/k8s/demo", "/auth/login?return_to=%2Fk8s%2Fdemo"},
      {"/k8s/no-such-cluster", "/auth/login?return_to=%2Fk8s%2Fno-such-cluster"},
      {"/profile", "/auth/login?return_to=%2Fprofile"},
      {"/sessions", "/auth/login?return_to=%2Fsessions"},
      {"/sessions?ended=1", "/auth/login?return_to=%2Fsessions%3Fended%3D1"},
      {"/sessions/end?what=all", "/auth/login?return_to=%2Fsessions%2Fend%3Fwhat%3Dall"},
      {"/k8s/demo?a=%2F%2Fevil.example&b=c",
       "/auth/login?return_to=%2Fk8s%2Fdemo%3Fa%3D%252F%252Fevil.example%26b%3Dc"},
  };
  Site site;
  for (const char* method : {"GET", "HEAD"}) {
    for (const Case& each : cases) {
      Browser browser;
      const Answer answer = site.ask(browser, {.method = method, .target = each.target});
      EXPECT_EQ(answer.status, 303) << each.target;
      EXPECT_EQ(answer.location(), each.location);
      EXPECT_EQ(answer.header("cache-control"), "no-store") << each.target;
      EXPECT_EQ(answer.body, "") << each.target;
    }
  }
}

TEST(NotSignedIn, TooLongAnAddressLeadsToTheFirstPage) {
  Site site;
  Browser browser;
  const Answer answer = site.get(browser, "/k8s/demo?x=" + std::string(1200, 'a'));
  EXPECT_EQ(answer.location(), "/auth/login?return_to=%2F");
}

TEST(NotSignedIn, CookiesThatNameNoSessionCountAsNone) {
  Site site;
  Browser signed_in;
  site.sign_in(signed_in);
  const std::string good = signed_in.session();
  for (const std::string& value :
       {std::string("x"), good.substr(1), good + "A", std::string(43, 'A'), std::string()}) {
    Browser browser;
    browser.cookies[std::string(session::kSessionCookie)] = value;
    EXPECT_EQ(site.get(browser, "/profile").status, 303) << value;
  }
  // Twice under one name: which of them is genuine can't be told.
  Ask twice{.target = "/profile"};
  twice.headers = {{"cookie", "__Host-openunison=" + std::string(43, 'A')}};
  EXPECT_EQ(site.ask(signed_in, twice).status, 303);
  EXPECT_EQ(site.get(signed_in, "/profile").status, 200);
}

TEST(NotSignedIn, IdleSessionsAreOver) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  site.clock.advance(Seconds(899));
  EXPECT_EQ(site.get(browser, "/profile").status, 200);
  site.clock.advance(Seconds(900));
  EXPECT_EQ(site.get(browser, "/profile").location(), "/auth/login?return_to=%2Fprofile");
}

// --- Open redirects ---

struct ReturnCase {
  const char* return_to;
  const char* leads_to;
};
// As a form or query gives them after decoding.
constexpr ReturnCase kReturns[] = {
    {"/", "/"},
    {"/k8s/demo", "/k8s/demo"},
    {"/k8s/demo?a=b&c=https://evil.example", "/k8s/demo?a=b&c=https://evil.example"},
    {"/sessions#x", "/sessions#x"},
    // Encoded once more: a path of ours, which browsers don't decode.
    {"/%2f%2fevil.example", "/%2f%2fevil.example"},
    {"/%5cevil.example", "/%5cevil.example"},
    {"", "/"},
    {"//evil.example", "/"},
    {"///evil.example", "/"},
    {"//evil.example/%2f..", "/"},
    {"/\\evil.example", "/"},
    {"\\/evil.example", "/"},
    {"\\\\evil.example", "/"},
    {"/k8s\\..\\..\\evil.example", "/"},
    {"https://evil.example", "/"},
    {"HTTPS://evil.example", "/"},
    {"https:evil.example", "/"},
    {"https:/evil.example", "/"},
    {"https://portal.example@evil.example/", "/"},
    {"https://portal.example/k8s", "/"},  // not even our own origin, as such
    {"javascript:alert(1)", "/"},
    {"data:text/html,<script>alert(1)</script>", "/"},
    {"evil.example", "/"},
    {"@evil.example", "/"},
    {".evil.example", "/"},
    {":8443/", "/"},
    {" //evil.example", "/"},
    {"\t//evil.example", "/"},
    {"/\t/evil.example", "/"},
    {"/\n/evil.example", "/"},
    {"/\r\nSet-Cookie: a=b", "/"},
    {"/\x7f", "/"},
    {"/\xc2\x85/evil.example", "/"},  // NEL
};

std::string sign_in_page(std::string_view return_to) {
  return text::add_query("/auth/login", "return_to", return_to);
}

TEST(OpenRedirect, SignInPageOfSomebodySignedIn) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  for (const ReturnCase& each : kReturns) {
    const Answer answer = site.get(browser, sign_in_page(each.return_to));
    EXPECT_EQ(answer.status, 303) << each.return_to;
    EXPECT_EQ(answer.location(), each.leads_to) << each.return_to;
  }
}

TEST(OpenRedirect, PasswordForm) {
  Site site;
  for (const ReturnCase& each : kReturns) {
    Browser browser;
    const Answer page = site.get(browser, sign_in_page(each.return_to));
    EXPECT_EQ(page.status, 200) << each.return_to;
    const auto filled = [&](const char* password) {
      return form({{"username", "bob"},
                   {"password", password},
                   {"csrf", hidden(page.body, "csrf")},
                   {"return_to", each.return_to}});  // as if the field had been changed
    };
    const Answer again = site.ask(browser, post("/auth/login/local", filled("wrong")));
    EXPECT_EQ(again.status, 401) << each.return_to;
    EXPECT_EQ(hidden(again.body, "return_to"), text::html_escape(each.leads_to)) << each.return_to;
    const Answer answer = site.ask(browser, post("/auth/login/local", filled("right")));
    EXPECT_EQ(answer.status, 303) << each.return_to;
    EXPECT_EQ(answer.location(), each.leads_to) << each.return_to;
  }
}

TEST(OpenRedirect, UpstreamAndBack) {
  Site site;
  site.upstream().identity = person();
  for (const ReturnCase& each : kReturns) {
    Browser browser;
    const std::string link = text::add_query(sign_in_page(each.return_to), "provider", "okta");
    const Answer started = site.get(browser, link);
    EXPECT_TRUE(started.location().starts_with("https://idp.example/authorize?state="))
        << started.location();
    const Answer back = site.get(browser, "/auth/oidc?code=c&state=" + site.upstream().begun.state);
    EXPECT_EQ(back.status, 303) << each.return_to;
    EXPECT_EQ(back.location(), each.leads_to) << each.return_to;
    EXPECT_NE(browser.session(), "") << each.return_to;
  }
}

TEST(OpenRedirect, Theme) {
  Site site;
  Browser browser;
  for (const ReturnCase& each : kReturns) {
    const Answer answer =
        site.ask(browser, post("/theme", form({{"theme", "dark"}, {"return_to", each.return_to}})));
    EXPECT_EQ(answer.status, 303) << each.return_to;
    EXPECT_EQ(answer.location(), each.leads_to) << each.return_to;
  }
}

// RFC 9110 §10.2.2: a Location is a URI reference; raw bytes of others are read in different ways.
TEST(OpenRedirect, LocationsAreUris) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  constexpr ReturnCase kCases[] = {{"/k8s/d\xc3\xa9mo", "/k8s/d%C3%A9mo"},
                                   {"/k8s/a b", "/k8s/a%20b"},
                                   {"/k8s/\"<>^`{|}", "/k8s/%22%3C%3E%5E%60%7B%7C%7D"},
                                   {"/k8s/%41?a=%20&b='~", "/k8s/%41?a=%20&b='~"}};
  for (const ReturnCase& each : kCases) {
    EXPECT_EQ(site.get(browser, sign_in_page(each.return_to)).location(), each.leads_to);
  }
}

TEST(OpenRedirect, RawPathOfTheRequestIsNoWayOut) {
  Site site;
  Browser browser;
  // The codec refuses such paths; the portal doesn't count on it.
  for (const char* target : {"//evil.example", "/\\evil.example", "//evil.example/k8s"}) {
    const Answer answer = site.get(browser, target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_EQ(answer.location(), "") << target;
  }
}

// --- The theme's form, on every page ---

// The form stands in the page's foot, behind any other.
std::string theme_returns_to(const Answer& page) {
  return hidden(std::string_view(page.body).substr(page.body.find("action=\"/theme\"")),
                "return_to");
}

TEST(ThemeForm, ComesBackToThePageThatItWasOn) {
  const char* const targets[] = {
      "/", "/profile", "/sessions", "/k8s/demo", "/sessions/end?what=all", "/nothing"};
  Site site;
  Browser browser;
  site.sign_in(browser);
  for (const char* target : targets) {
    EXPECT_EQ(theme_returns_to(site.get(browser, target)), target);
  }
}

// A page that answers a form can't be fetched again.
TEST(ThemeForm, ComesBackToAPageAboveAForm) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const Answer command = site.submit(browser, "/k8s/demo", "/k8s/demo/command", {});
  EXPECT_EQ(theme_returns_to(command), "/k8s/demo");
  const Answer refused = site.ask(browser, post("/logout", {}));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(theme_returns_to(refused), "/");
}

TEST(ThemeForm, ComesBackToTheSignInWithItsTarget) {
  Site site;
  Browser browser;
  const Answer refused =
      site.submit(browser, "/auth/login?return_to=%2Fprofile", "/auth/login/local",
                  form({{"username", "alice"}, {"password", "wrong"}, {"return_to", "/profile"}}));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(theme_returns_to(refused), "/auth/login?return_to=%2Fprofile");
}

TEST(ThemeForm, ComesBackToThePageOfSomebodySignedOut) {
  Site site;
  Browser browser;
  EXPECT_EQ(theme_returns_to(site.get(browser, "/signed-out?provider=stays")),
            "/signed-out?provider=stays");
}

// --- Addresses of forms, asked for as pages ---

TEST(FormAddress, LeadsToThePageThatTheFormIsOn) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  for (const auto& [form, page] :
       {std::pair("/k8s/demo/command", "/k8s/demo"), std::pair("/k8s/demo/kubeconfig", "/k8s/demo"),
        std::pair("/auth/login/local", "/auth/login"), std::pair("/theme", "/")}) {
    const Answer answer = site.get(browser, form);
    EXPECT_EQ(answer.status, 303) << form;
    EXPECT_EQ(answer.location(), page);
  }
}

TEST(SignedOut, IsNotSaidToSomebodyWhoIsSignedIn) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  EXPECT_EQ(site.get(browser, "/signed-out").location(), "/");
}

// A callback's query holds what the identity provider answered.
TEST(ThemeForm, CarriesNoCode) {
  Site site;
  Browser browser;
  const Answer page = site.get(browser, "/auth/oidc?code=the-code&state=s");
  EXPECT_EQ(page.status, 400);
  EXPECT_EQ(page.body.find("the-code"), std::string::npos);
}

}  // namespace
}  // namespace openunison::portal::testing
