// SPDX-License-Identifier: Apache-2.0
//
// What every answer carries beside its page, on every route that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fixture.h"
#include "html.h"
#include "text/utf8.h"

namespace openunison::portal::testing {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

enum class As { nobody, alice };

// One answer of each kind that a route has. `route` is how the router lists it.
struct RouteCase {
  const char* route;
  const char* target;
  As as;
  int status;
  const char* field = "";  // of a form
  const char* value = "";
};
// What may be kept: it is the same for everybody.
constexpr const char* kWellKnown = "GET /.well-known/openunison";
// And the plugin's archives, for a while.
constexpr const char* kDownload =
    "/download/kubectl-oulogin/kubectl-oulogin_v1.2.3_linux_arm64.tar.gz";
constexpr RouteCase kRoutes[] = {
    {"GET /", "/", As::nobody, 303},
    {"GET /", "/", As::alice, 200},
    {"GET /auth/login", "/auth/login", As::nobody, 200},
    {"GET /auth/login", "/auth/login?provider=okta", As::nobody, 303},
    {"GET /auth/login", "/auth/login?provider=nobody", As::nobody, 404},
    {"GET /auth/login", "/auth/login", As::alice, 303},
    {"POST /auth/login/local", "/auth/login/local", As::nobody, 401, "username", "bob"},
    {"GET /auth/login/local", "/auth/login/local", As::nobody, 303},
    {"GET /k8s/demo/command", "/k8s/demo/command", As::alice, 303},
    {"GET /k8s/demo/kubeconfig", "/k8s/demo/kubeconfig", As::alice, 303},
    {"GET /k8s/prod/command", "/k8s/prod/command", As::alice, 303},
    {"GET /k8s/prod/kubeconfig", "/k8s/prod/kubeconfig", As::alice, 303},
    {"GET /theme", "/theme", As::nobody, 303},
    {"GET /signed-out", "/signed-out", As::alice, 303},
    {"GET /auth/oidc", "/auth/oidc?code=c&state=s", As::nobody, 400},
    {"POST /auth/oidc", "/auth/oidc", As::nobody, 303, "code", "c"},
    {"POST /auth/oidc/backchannel_logout", "/auth/oidc/backchannel_logout", As::nobody, 200,
     "logout_token", "genuine"},
    {"POST /auth/oidc/backchannel_logout", "/auth/oidc/backchannel_logout", As::nobody, 400,
     "logout_token", "other"},
    {"GET /k8s", "/k8s", As::nobody, 303},
    {"GET /k8s", "/k8s", As::alice, 303},
    {"GET /k8s/*", "/k8s/demo", As::alice, 200},
    {"GET /k8s/*", "/k8s/other", As::alice, 404},
    {"GET /k8s/*", "/k8s/demo/more", As::alice, 404},
    {"GET /k8s/demo/plugin-kubeconfig", "/k8s/demo/plugin-kubeconfig", As::alice, 200},
    {"GET /k8s/demo/plugin-kubeconfig", "/k8s/demo/plugin-kubeconfig", As::nobody, 303},
    {"GET /k8s/prod/plugin-kubeconfig", "/k8s/prod/plugin-kubeconfig", As::alice, 200},
    {"POST /k8s/demo/command", "/k8s/demo/command", As::alice, 200},
    {"POST /k8s/demo/command", "/k8s/demo/command", As::nobody, 401},
    {"POST /k8s/demo/kubeconfig", "/k8s/demo/kubeconfig", As::alice, 200},
    {"POST /k8s/prod/command", "/k8s/prod/command", As::alice, 200},
    {"POST /k8s/prod/kubeconfig", "/k8s/prod/kubeconfig", As::alice, 200},
    {"GET /profile", "/profile", As::nobody, 303},
    {"GET /profile", "/profile", As::alice, 200},
    {"GET /sessions", "/sessions", As::alice, 200},
    {"GET /sessions/end", "/sessions/end?what=all", As::alice, 200},
    {"GET /sessions/end", "/sessions/end?what=x", As::alice, 303},
    {"POST /sessions/end", "/sessions/end", As::alice, 303, "what", "others"},
    {"GET /logout", "/logout", As::alice, 200},
    {"GET /logout", "/logout", As::nobody, 303},
    {"POST /logout", "/logout", As::alice, 303},
    {"GET /signed-out", "/signed-out", As::nobody, 200},
    {"GET /device", "/device", As::nobody, 303},
    {"GET /device", "/device", As::alice, 200},
    {"GET /device", "/device?user_code=BBBB-BBBB", As::alice, 200},
    {"POST /device", "/device", As::nobody, 401, "answer", "allow"},
    {"POST /device", "/device", As::alice, 303, "answer", "perhaps"},
    {"POST /device", "/device", As::alice, 404, "answer", "allow"},
    {"POST /theme", "/theme", As::nobody, 303, "theme", "dark"},
    {"GET /assets/*", "/assets/none.css", As::nobody, 404},
    {"GET /download/kubectl-oulogin/*", kDownload, As::nobody, 200},
    {"GET /download/kubectl-oulogin/*", "/download/kubectl-oulogin/none", As::nobody, 404},
    {kWellKnown, "/.well-known/openunison", As::nobody, 200},
    {"GET /api/account", "/api/account", As::alice, 401},
    {"POST /api/sign_out", "/api/sign_out", As::alice, 401},
    {"GET /api/workload", "/api/workload", As::alice, 401},
    {"", "/nothing", As::nobody, 404},
    {"", "/nothing", As::alice, 404},
};

struct Asked {
  Asked() { site.downloads = some_downloads(); }
  Site site;
  Browser browser;
  std::string csrf;
  Answer answer;
};

std::string_view wanted_caching(const RouteCase& each) {
  if (each.route == kWellKnown) return "max-age=300";
  return each.target == kDownload ? "public, max-age=300" : "no-store";
}

void ask(Asked& asked, const RouteCase& each) {
  if (each.as == As::alice) {
    asked.site.sign_in(asked.browser);
    asked.csrf = asked.site.csrf(asked.browser);
  }
  if (std::string_view(each.route).starts_with("POST ")) {
    const text::Form filled = form({{each.field, each.value}, {"csrf", asked.csrf}});
    asked.answer = asked.site.ask(asked.browser, post(each.target, filled));
  } else {
    asked.answer = asked.site.get(asked.browser, each.target);
  }
}

std::string title(const RouteCase& each) {
  return std::string(each.route) + " for " + each.target +
         (each.as == As::alice ? " (signed in)" : "");
}

bool is_page(const Answer& answer) {
  return answer.header("content-type").starts_with("text/html");
}

TEST(Headers, TheTableHasEveryRoute) {
  Site site;
  site.downloads = some_downloads();
  std::set<std::string> covered;
  for (const RouteCase& each : kRoutes) {
    if (*each.route != '\0') covered.insert(each.route);
  }
  EXPECT_THAT(site.router().routes(), ::testing::ElementsAreArray(covered));
}

TEST(Headers, OfEveryAnswer) {
  for (const RouteCase& each : kRoutes) {
    Asked asked;
    ask(asked, each);
    const Answer& answer = asked.answer;
    EXPECT_EQ(answer.status, each.status) << title(each);
    EXPECT_EQ(answer.header("cache-control"), wanted_caching(each)) << title(each);
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff") << title(each);
    EXPECT_EQ(answer.header("strict-transport-security"), "max-age=31536000") << title(each);
    EXPECT_NE(answer.header("x-request-id"), "") << title(each);
    for (const http::Field& field : answer.headers.fields()) {
      if (field.name == "set-cookie") continue;
      EXPECT_TRUE(answer.headers.unique(field.name).has_value()) << title(each) << field.name;
    }
    if (answer.status == 303) {
      EXPECT_EQ(answer.header("referrer-policy"), "no-referrer") << title(each);
    }
  }
}

TEST(Headers, OfEveryPage) {
  int pages = 0;
  for (const RouteCase& each : kRoutes) {
    Asked asked;
    ask(asked, each);
    const Answer& answer = asked.answer;
    if (!is_page(answer)) continue;
    ++pages;
    EXPECT_EQ(answer.header("content-type"), "text/html; charset=utf-8") << title(each);
    EXPECT_EQ(answer.header("content-security-policy"), kPolicy) << title(each);
    EXPECT_EQ(answer.header("referrer-policy"), "no-referrer") << title(each);
    EXPECT_EQ(answer.header("x-frame-options"), "DENY") << title(each);
    EXPECT_EQ(answer.header("cross-origin-opener-policy"), "same-origin") << title(each);
    EXPECT_EQ(answer.header("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    EXPECT_TRUE(answer.body.starts_with("<!doctype html>")) << title(each);
    EXPECT_TRUE(text::valid_utf8(answer.body)) << title(each);
  }
  EXPECT_GE(pages, 15);
}

// What the policy would block must not be there: the page would be broken.
TEST(Headers, NothingInlineOnAnyPage) {
  for (const RouteCase& each : kRoutes) {
    Asked asked;
    ask(asked, each);
    if (!is_page(asked.answer)) continue;
    for (const Tag& tag : tags_of(asked.answer.body)) {
      EXPECT_NE(tag.name, "style") << title(each);
      if (tag.name == "script") {
        EXPECT_TRUE(tag.attribute("src").starts_with("/assets/")) << title(each);
      }
      if (tag.name == "form") {
        EXPECT_EQ(tag.attribute("method"), "post") << title(each);
        EXPECT_TRUE(tag.attribute("action").starts_with("/")) << title(each);
      }
      for (const auto& [name, value] : tag.attributes) {
        EXPECT_FALSE(name.starts_with("on") || name == "style") << title(each) << ' ' << name;
      }
    }
  }
}

TEST(Headers, EveryCookieIsHostOnlyAndHidden) {
  Site site;
  site.upstream().identity = person();
  Browser browser;
  std::vector<Answer> answers;
  answers.push_back(site.get(browser, "/auth/login"));
  answers.push_back(site.get(browser, "/auth/login?provider=okta"));
  answers.push_back(site.get(browser, "/auth/oidc?code=c&state=" + site.upstream().begun.state));
  answers.push_back(site.ask(browser, post("/theme", form({{"theme", "dark"}}))));
  answers.push_back(site.submit(browser, "/logout", "/logout", {}));
  int cookies = 0;
  for (const Answer& answer : answers) {
    for (const http::Field& field : answer.headers.fields()) {
      if (field.name != "set-cookie") continue;
      ++cookies;
      EXPECT_TRUE(field.value.starts_with("__Host-")) << field.value;
      for (const char* wanted : {"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"}) {
        EXPECT_NE(field.value.find(wanted), std::string::npos) << field.value << wanted;
      }
      EXPECT_EQ(field.value.find("Domain"), std::string::npos) << field.value;
    }
  }
  EXPECT_EQ(cookies,
            7);  // form, attempt, session, its attempt's end, provider, theme, session's end
  EXPECT_EQ(browser.session(), "");
}

// --- Forms that end elsewhere (CSP3 §6.4.1: form-action holds for redirects of a form as well) ---

class Dashboard final : public session::ReturnTargets {
 public:
  std::optional<session::ReturnTarget> describe(std::string_view return_to) const override {
    if (!return_to.starts_with("/auth/idp/")) return std::nullopt;
    return session::ReturnTarget{"Dashboard", "https://dashboard.example"};
  }
};

TEST(FormAction, SignInThatLeadsToAnApplicationAllowsItsOrigin) {
  const Dashboard dashboard;
  Site site;
  site.return_targets = {&dashboard};
  Browser browser;
  const std::string target = "/auth/login?return_to=/auth/idp/k8sIdp/auth?client_id=x";
  const Answer page = site.get(browser, target);
  const std::string wanted = std::string(kPolicy) + " https://dashboard.example";
  EXPECT_EQ(page.header("content-security-policy"), wanted);
  text::Form filled = form({{"csrf", hidden(page.body, "csrf")},
                            {"return_to", hidden(page.body, "return_to")},
                            {"username", "bob"},
                            {"password", "wrong"}});
  const Answer again = site.ask(browser, post("/auth/login/local", filled));
  EXPECT_EQ(again.status, 401);
  EXPECT_EQ(again.header("content-security-policy"), wanted);
  EXPECT_EQ(site.get(browser, "/auth/login").header("content-security-policy"), kPolicy);
}

TEST(FormAction, SignOutThatEndsUpstreamAllowsItsOrigin) {
  Site site;
  site.values.identity_providers[0].logout = config::UpstreamLogout::upstream;
  Browser browser;
  site.sign_in(browser);
  for (const char* target : {"/logout", "/", "/profile", "/sessions", "/k8s/demo", "/nothing"}) {
    EXPECT_EQ(site.get(browser, target).header("content-security-policy"),
              std::string(kPolicy) + " https://idp.example")
        << target;
  }
  const Answer answer = site.submit(browser, "/logout", "/logout", {});
  EXPECT_EQ(answer.location(), "https://idp.example/end?client_id=openunison");
  EXPECT_EQ(site.get(browser, "/signed-out").header("content-security-policy"), kPolicy);
}

// --- Methods ---

TEST(Methods, OthersAreAnswered405WithAllow) {
  struct Case {
    const char* target;
    const char* allow;
  };
  const Case cases[] = {
      {"/", "GET, HEAD"},
      {"/auth/login", "GET, HEAD"},
      {"/auth/login/local", "GET, HEAD, POST"},
      {"/auth/oidc", "GET, HEAD, POST"},
      {"/auth/oidc/backchannel_logout", "POST"},
      {"/k8s", "GET, HEAD"},
      {"/k8s/demo", "GET, HEAD"},
      {"/k8s/demo/command", "GET, HEAD, POST"},
      {"/k8s/demo/kubeconfig", "GET, HEAD, POST"},
      {"/k8s/demo/plugin-kubeconfig", "GET, HEAD"},
      {"/profile", "GET, HEAD"},
      {"/sessions", "GET, HEAD"},
      {"/sessions/end", "GET, HEAD, POST"},
      {"/logout", "GET, HEAD, POST"},
      {"/signed-out", "GET, HEAD"},
      {"/theme", "GET, HEAD, POST"},
      {"/assets/portal.css", "GET, HEAD"},
      {"/.well-known/openunison", "GET, HEAD"},
      {"/api/account", "GET, HEAD"},
      {"/api/sign_out", "POST"},
      {"/api/workload", "GET, HEAD"},
  };
  Site site;
  Browser browser;
  site.sign_in(browser);
  for (const Case& each : cases) {
    for (const char* method :
         {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND"}) {
      const std::string list = ", " + std::string(each.allow) + ",";
      if (list.find(", " + std::string(method) + ",") != std::string::npos) continue;
      const Answer answer = site.ask(browser, {.method = method, .target = each.target});
      EXPECT_EQ(answer.status, 405) << method << ' ' << each.target;
      EXPECT_EQ(answer.header("allow"), each.allow) << method << ' ' << each.target;
      EXPECT_EQ(answer.header("cache-control"), "no-store") << method << ' ' << each.target;
    }
  }
}

TEST(Methods, HeadSaysWhatGetSays) {
  for (const RouteCase& each : kRoutes) {
    if (std::string_view(each.route).starts_with("POST ")) continue;
    Site site;
    Browser browser;
    if (each.as == As::alice) site.sign_in(browser);
    Browser same = browser;
    const Answer get = site.get(browser, each.target);
    const Answer head = site.ask(same, {.method = "HEAD", .target = each.target});
    EXPECT_EQ(head.status, get.status) << title(each);
    EXPECT_EQ(head.headers.fields().size(), get.headers.fields().size()) << title(each);
    for (const char* name : {"content-type", "content-security-policy", "cache-control"}) {
      EXPECT_EQ(head.header(name), get.header(name)) << title(each);
    }
  }
}

// --- Secrets ---

// Addresses are logged, kept in histories and sent on as referrers.
TEST(Secrets, NoneIsInAnyAddress) {
  for (const RouteCase& each : kRoutes) {
    Asked asked;
    const std::string form_token =
        hidden(asked.site.get(asked.browser, "/auth/login").body, "csrf");
    ask(asked, each);
    std::vector<std::string> secrets = {form_token, asked.csrf, asked.browser.session(), "our_"};
    for (const auto& [name, value] : asked.browser.cookies) {
      if (value.size() > 16) secrets.push_back(value);
    }
    std::vector<std::string> addresses = {asked.answer.location()};
    for (const Tag& tag : tags_of(asked.answer.body)) {
      for (const char* name : {"href", "src", "action", "formaction", "content"}) {
        addresses.emplace_back(tag.attribute(name));
      }
    }
    for (const std::string& secret : secrets) {
      if (secret.empty()) continue;
      for (const std::string& address : addresses) {
        EXPECT_EQ(address.find(secret), std::string::npos) << title(each) << ' ' << address;
      }
    }
  }
}

TEST(Secrets, CommandsTokenIsInItsBodyOnly) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const Answer answer = site.submit(browser, "/k8s/demo", "/k8s/demo/command", {});
  EXPECT_NE(answer.body.find("refresh-token=our_"), std::string::npos);
  for (const http::Field& field : answer.headers.fields()) {
    EXPECT_EQ(field.value.find("our_"), std::string::npos) << field.name;
  }
  for (const Tag& tag : tags_of(answer.body)) {
    for (const auto& [name, value] : tag.attributes) {
      EXPECT_EQ(value.find("our_"), std::string::npos) << tag.name << ' ' << name;
    }
  }
  EXPECT_EQ(site.get(browser, "/k8s/demo").body.find("our_"), std::string::npos) << "shown once";
}

TEST(Secrets, PostedCallbackIsSealedInItsAddress) {
  Site site;
  Browser browser;
  const Answer answer = site.ask(
      browser, post("/auth/oidc", form({{"code", "the-secret-code"}, {"id_token", "eyJhbGciOi"}})));
  EXPECT_TRUE(answer.location().starts_with("/auth/oidc?posted=")) << answer.location();
  EXPECT_EQ(answer.location().find("the-secret-code"), std::string::npos);
  EXPECT_EQ(answer.location().find("eyJ"), std::string::npos);
}

TEST(Secrets, SessionCookieIsOnNoPage) {
  for (const RouteCase& each : kRoutes) {
    if (each.as != As::alice) continue;
    Asked asked;
    ask(asked, each);
    if (asked.browser.session().empty()) continue;
    EXPECT_EQ(asked.answer.body.find(asked.browser.session()), std::string::npos) << title(each);
  }
}

}  // namespace
}  // namespace openunison::portal::testing
