// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::portal::testing {
namespace {

// Every form that acts for somebody who is signed in.
struct FormCase {
  const char* target;
  const char* field;
  const char* value;
  int done;  // the status where the form is genuine
};
constexpr FormCase kForms[] = {
    {"/k8s/demo/command", "shell", "posix", 200}, {"/k8s/demo/command", "shell", "powershell", 200},
    {"/k8s/demo/kubeconfig", "shell", "", 200},   {"/sessions/end", "what", "others", 303},
    {"/sessions/end", "what", "all", 303},        {"/logout", "shell", "", 303},
};

text::Form with_token(const FormCase& each, std::optional<std::string> token) {
  text::Form filled = form({{each.field, each.value}});
  if (token) filled.add("csrf", *token);
  return filled;
}

TEST(Forms, GenuineOnesAreDone) {
  for (const FormCase& each : kForms) {
    Site site;
    Browser browser;
    site.sign_in(browser);
    const std::string token = site.csrf(browser);
    const Answer answer = site.ask(browser, post(each.target, with_token(each, token)));
    EXPECT_EQ(answer.status, each.done) << each.target << ' ' << each.value;
  }
}

TEST(Forms, WithoutTheTokenOfThisSessionNothingIsDone) {
  for (const FormCase& each : kForms) {
    Site site;
    Browser browser, other, second_tab;
    site.sign_in(browser);
    site.sign_in(second_tab);  // the same person's other sign-in
    site.sign_in(other, person("mallory"));
    const std::string good = site.csrf(browser);
    std::string changed = good;
    changed[5] = changed[5] == 'A' ? 'B' : 'A';
    const std::optional<std::string> tokens[] = {std::nullopt,
                                                 "",
                                                 "x",
                                                 changed,
                                                 good.substr(1),
                                                 good + "A",
                                                 browser.session(),
                                                 site.csrf(other),
                                                 site.csrf(second_tab)};
    const std::size_t before = site.count_sessions();
    for (const auto& token : tokens) {
      const Answer answer = site.ask(browser, post(each.target, with_token(each, token)));
      EXPECT_EQ(answer.status, 403) << each.target << ' ' << token.value_or("(missing)");
      EXPECT_EQ(answer.body.find("our_"), std::string::npos) << each.target;
      EXPECT_EQ(site.count_sessions(), before) << each.target;
      EXPECT_NE(browser.session(), "") << each.target;
    }
  }
}

TEST(Forms, TokenInTheQueryDoesNotCount) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const std::string token = site.csrf(browser);
  for (const FormCase& each : kForms) {
    const std::string target = std::string(each.target) + "?csrf=" + token;
    EXPECT_EQ(site.ask(browser, post(target, with_token(each, std::nullopt))).status, 403)
        << target;
  }
}

TEST(Forms, WithoutASessionNothingIsDone) {
  for (const FormCase& each : kForms) {
    Site site;
    Browser owner, stranger;
    site.sign_in(owner);
    const std::string token = site.csrf(owner);
    const Answer answer = site.ask(stranger, post(each.target, with_token(each, token)));
    EXPECT_EQ(answer.status, 401) << each.target;
    EXPECT_EQ(site.count_sessions(), 1u) << each.target;
  }
}

TEST(Forms, OtherTypesAreRefused) {
  const char* const types[] = {"text/plain", "application/json", "multipart/form-data; boundary=x",
                               "application/x-www-form-urlencodedx", ""};
  Site site;
  Browser browser;
  site.sign_in(browser);
  const std::string token = site.csrf(browser);
  for (const FormCase& each : kForms) {
    for (const char* type : types) {
      Ask ask = post(each.target, with_token(each, token));
      ask.headers[0].value = type;
      EXPECT_EQ(site.ask(browser, std::move(ask)).status, 415) << each.target << ' ' << type;
    }
  }
  EXPECT_EQ(site.count_sessions(), 1u);
}

TEST(Forms, TypeMayHaveACharset) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  Ask ask = post("/logout", form({{"csrf", site.csrf(browser)}}));
  ask.headers[0].value = "Application/X-WWW-Form-Urlencoded;charset=UTF-8";
  EXPECT_EQ(site.ask(browser, std::move(ask)).status, 303);
}

TEST(Forms, UnreadableOrHugeBodiesAreRefused) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  for (const auto& [body, status] : {std::pair<std::string, int>{"csrf=%zz", 400},
                                     {"what=%ff", 400},
                                     {"what=" + std::string(17 * 1024, 'a'), 413}}) {
    Ask ask = post("/sessions/end", {});
    ask.body = body;
    EXPECT_EQ(site.ask(browser, std::move(ask)).status, status) << body.substr(0, 20);
  }
  EXPECT_EQ(site.count_sessions(), 1u);
}

// --- Where a form comes from ---

struct OriginCase {
  const char* field;
  const char* value;
  bool accepted;
};
constexpr OriginCase kOrigins[] = {
    {"origin", "https://portal.example", true},
    {"origin", "null", true},  // what browsers send for a page with referrer-policy no-referrer
    {"origin", "https://evil.example", false},
    {"origin", "http://portal.example", false},
    {"origin", "https://portal.example:8443", false},
    {"origin", "https://portal.example.evil.example", false},
    {"origin", "https://evil-portal.example", false},
    {"origin", "https://sub.portal.example", false},
    {"origin", "https://portal.example/", false},
    {"origin", "", false},
    {"sec-fetch-site", "same-origin", true},
    {"sec-fetch-site", "none", true},
    {"sec-fetch-site", "same-site", false},
    {"sec-fetch-site", "cross-site", false},
    {"sec-fetch-site", "", false},
};

Ask from(Ask ask, const OriginCase& origin) {
  ask.headers[1] = {origin.field, origin.value};
  return ask;
}

TEST(FormOrigin, FormsOfOtherSitesAreRefusedWhateverTheirToken) {
  for (const FormCase& each : kForms) {
    for (const OriginCase& origin : kOrigins) {
      Site site;
      Browser browser;
      site.sign_in(browser);
      const std::string token = site.csrf(browser);
      const Ask ask = post(each.target, with_token(each, token));
      const Answer answer = site.ask(browser, from(ask, origin));
      EXPECT_EQ(answer.status, origin.accepted ? each.done : 403)
          << each.target << ' ' << origin.field << ": " << origin.value;
      if (!origin.accepted) EXPECT_EQ(site.count_sessions(), 1u) << each.target;
    }
  }
}

TEST(FormOrigin, OneGoodFieldDoesNotHideABadOne) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const Ask good = post("/logout", form({{"csrf", site.csrf(browser)}}));
  for (const auto& [name, value] :
       {std::pair("origin", "https://evil.example"), std::pair("sec-fetch-site", "cross-site")}) {
    Ask ask = good;
    ask.headers.push_back({name, value});
    EXPECT_EQ(site.ask(browser, std::move(ask)).status, 403) << name;
  }
  EXPECT_EQ(site.ask(browser, good).status, 303);
}

TEST(FormOrigin, ThePortIsPartOfTheOrigin) {
  Site site;
  site.values.external_port = 8443;
  Browser browser;
  site.sign_in(browser);
  Ask ask = post("/logout", form({{"csrf", site.csrf(browser)}}));
  EXPECT_EQ(site.ask(browser, ask).status, 403);
  ask.headers[1].value = "https://portal.example:8443";
  EXPECT_EQ(site.ask(browser, ask).status, 303);
}

TEST(FormOrigin, SigningInAndTheThemeToo) {
  for (const OriginCase& origin : kOrigins) {
    Site site;
    Browser browser;
    const std::string token = hidden(site.get(browser, "/auth/login").body, "csrf");
    const Ask sign_in = post("/auth/login/local",
                             form({{"csrf", token}, {"username", "bob"}, {"password", "right"}}));
    EXPECT_EQ(site.ask(browser, from(sign_in, origin)).status, origin.accepted ? 303 : 403)
        << origin.field << ": " << origin.value;
    EXPECT_EQ(browser.session().empty(), !origin.accepted) << origin.value;
    const Answer theme = site.ask(browser, from(post("/theme", form({{"theme", "dark"}})), origin));
    EXPECT_EQ(theme.status, origin.accepted ? 303 : 403) << origin.field << ": " << origin.value;
    EXPECT_EQ(theme.header("set-cookie").empty(), !origin.accepted) << origin.value;
  }
}

// A provider's POSTed answer comes from the provider's site.
TEST(FormOrigin, CallbacksComeFromElsewhere) {
  Site site;
  Browser browser;
  Ask ask = post("/auth/oidc", form({{"code", "c"}, {"state", "s"}}));
  ask.headers[1].value = "https://idp.example";
  EXPECT_EQ(site.ask(browser, ask).status, 303);
  ask = post("/auth/oidc/backchannel_logout", form({{"logout_token", "genuine"}}));
  ask.headers[1].value = "https://idp.example";
  EXPECT_EQ(site.ask(browser, ask).status, 200);
}

// --- The sign-in form, where there is no session yet ---

struct SignInForm {
  Site site;
  Browser browser;
  text::Form filled(std::string token) {
    return form({{"csrf", std::move(token)}, {"username", "bob"}, {"password", "right"}});
  }
  std::string token() { return hidden(site.get(browser, "/auth/login").body, "csrf"); }
};

TEST(SignInForm, GenuineOneSignsIn) {
  SignInForm t;
  EXPECT_EQ(t.site.ask(t.browser, post("/auth/login/local", t.filled(t.token()))).status, 303);
  EXPECT_EQ(t.browser.session().size(), 43u);
}

TEST(SignInForm, TokenBelongsToTheBrowser) {
  SignInForm t;
  Browser other;
  const std::string foreign = hidden(t.site.get(other, "/auth/login").body, "csrf");
  const std::string own = t.token();
  ASSERT_NE(own, "");
  ASSERT_NE(own, foreign);
  for (const std::string& token : {std::string(), std::string("x"), foreign, own.substr(1)}) {
    const Answer answer = t.site.ask(t.browser, post("/auth/login/local", t.filled(token)));
    EXPECT_EQ(answer.status, 401) << token;
    EXPECT_EQ(t.browser.session(), "") << token;
    EXPECT_NE(answer.body.find("The form was too old"), std::string::npos) << token;
  }
  Browser without_cookie;
  EXPECT_EQ(t.site.ask(without_cookie, post("/auth/login/local", t.filled(own))).status, 401);
  EXPECT_EQ(without_cookie.session(), "");
}

TEST(SignInForm, RepeatedFieldsAreRefused) {
  SignInForm t;
  text::Form twice = t.filled(t.token());
  twice.add("username", "root");
  EXPECT_EQ(t.site.ask(t.browser, post("/auth/login/local", twice)).status, 400);
  EXPECT_EQ(t.browser.session(), "");
}

}  // namespace
}  // namespace openunison::portal::testing
