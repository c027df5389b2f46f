// SPDX-License-Identifier: Apache-2.0
//
// Whatever a name, claim, address or setting holds, a page shows it as text: each field with each
// hostile text, on each page that shows it.
#include <gtest/gtest.h>

#include "fixture.h"
#include "html.h"
#include "text/html.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::portal::testing {
namespace {

TEST(Skeleton, SeesWhatATextCouldAdd) {
  EXPECT_EQ(skeleton("<!doctype html><a href=\"x>y\" class=b hidden>t < 3</a>"),
            "!doctype html|a href class hidden|/a|");
  EXPECT_EQ(skeleton("<p title='a' onclick=\"b\"/><!-- <i> --><b>"), "p title onclick|!--|b|");
  EXPECT_EQ(skeleton("<input value=\"&quot; onclick=\">"), "input value|");
  EXPECT_EQ(skeleton("<SCRIPT>"), "script|");
  EXPECT_EQ(skeleton("<a href=\"unclosed"), "a href|");
  EXPECT_EQ(tags_of("<a href=\"/x\">")[0].attribute("href"), "/x");
}

constexpr const char* kHostile[] = {
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=alert(1) x=\"",
    "</title><script>alert(1)</script>",
    "</pre></code></small><svg/onload=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<base href=//evil.example/>",
    "<!--",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "%3Cscript%3E",
    "\\u003cscript\\u003e",
    "{{csrf}}",
    "{{{csrf}}}",
    "{{>foot}}",
    "{{#person}}{{csrf}}{{/person}}",
    "`<b>`",
    "javascript:alert(1)",
};

// Every text that comes from outside the program.
struct Texts {
  std::string user = "alice";
  std::string display_name = "Alice Example";
  std::string email = "alice@example.com";
  std::string group = "ops";
  std::string dropped_group = "kept-out";
  std::string claim_name = "department";
  std::string claim_value = "sales";
  std::string method = "pwd";
  std::string user_agent = "tool/1";
  std::string kubectl_label = "kubectl on a laptop";
  std::string app_label = "Wiki";
  std::string app_description = "Pages";
  std::string app_organisation = "Team";
  std::string app_icon = "https://icons.example/w.png";
  std::string cluster_label = "Demo";
  std::string groups_prefix = "grp:";
  std::string username_prefix = "usr:";
  std::string product = "OpenUnison";
  std::string contact = "Bob";
  std::string provider_label = "Okta";
  std::string client_label = "Dashboard";
  std::string query = "x";  // login_hint, user name in the form
  std::string path = "nothing";
  std::string provider_error = "the provider refused";
  std::string needed_group = "cluster-admins";
  std::string device_name = "laptop";
  std::string device_address = "192.0.2.9";
};

class OneDevice final : public session::DeviceApprovals {
 public:
  explicit OneDevice(session::DeviceQuestion question) : question_(std::move(question)) {}
  std::optional<session::DeviceQuestion> find_device(std::string_view) const override {
    return question_;
  }
  Result<bool> decide_device(std::string_view, const session::Current&, bool,
                             const session::Caller&) const override {
    return true;
  }
  bool take_back_device(std::string_view, const session::Current&,
                        const session::Caller&) const override {
    return false;
  }
  void take_back_devices(const session::Current&, const session::Caller&) const override {}

 private:
  session::DeviceQuestion question_;
};

class OneTarget final : public session::ReturnTargets {
 public:
  explicit OneTarget(std::string label) : label_(std::move(label)) {}
  std::optional<session::ReturnTarget> describe(std::string_view return_to) const override {
    if (!return_to.starts_with("/auth/idp/")) return std::nullopt;
    return session::ReturnTarget{label_, "https://dashboard.example"};
  }

 private:
  std::string label_;
};

enum class Where {
  applications,
  no_applications,
  kubernetes,
  command,
  forbidden_cluster,
  profile,
  sessions,
  end_session,
  device,
  device_let_in,
  sign_out,
  signed_out,
  sign_in,
  sign_in_client,
  sign_in_failed,
  not_found,
  refused,
};

config::Application application(const Texts& texts) {
  config::Application app;
  app.name = "wiki";
  app.label = texts.app_label;
  app.description = texts.app_description;
  app.org = texts.app_organisation;
  app.badge_url = "https://wiki.example/";
  app.icon = texts.app_icon;
  return app;
}

identity::Identity person_of(const Texts& texts) {
  identity::Identity who = person(texts.user, {texts.group, texts.dropped_group});
  who.subject = "sub";
  who.claims.set("name", texts.display_name);
  who.claims.set("email", texts.email);
  who.claims.set(texts.claim_name, texts.claim_value);
  who.amr = {texts.method};
  return who;
}

void set_values(Site& site, const Texts& texts, Where where) {
  config::Values& values = site.values;
  values.branding.name = texts.product;
  values.branding.help_contact = texts.contact;
  values.identity_providers[0].label = texts.provider_label;
  values.groups_filter.exclude = {texts.dropped_group};
  values.apps = {application(texts)};
  config::Cluster& demo = values.clusters[0];
  demo.label = texts.cluster_label;
  demo.groups_prefix = texts.groups_prefix;
  demo.username_prefix = texts.username_prefix;
  values.clusters[1].az_groups = {texts.needed_group};
  if (where == Where::no_applications) {
    values.apps.clear();
    values.clusters[0].az_groups = {"nobody"};
  }
}

// The page of that kind, with those texts.
Answer page_with(const Texts& texts, Where where) {
  Site site;
  Browser browser;
  browser.user_agent = texts.user_agent;
  const OneTarget client(texts.client_label);
  site.return_targets = {&client};
  const OneDevice device({"WDJB-MJHT",
                          texts.client_label,
                          texts.device_name,
                          texts.device_address,
                          texts.user_agent,
                          {}});
  site.device_approvals = {&device};
  set_values(site, texts, where);
  const auto signed_in = [&](std::string target) {
    site.sign_in(browser, person_of(texts));
    return site.get(browser, std::move(target));
  };
  const std::string hint = "/auth/login?login_hint=" + text::percent_encode(texts.query);
  switch (where) {
    case Where::applications:
    case Where::no_applications:
      return signed_in("/");
    case Where::kubernetes:
      return signed_in("/k8s/demo");
    case Where::forbidden_cluster:
      return signed_in("/k8s/prod");
    case Where::profile:
      return signed_in("/profile");
    case Where::device:
      site.sign_in(browser, person_of(texts));
      return site.submit(browser, "/device", "/device",
                         form({{"user_code", "WDJB-MJHT"}, {"answer", "look"}}));
    case Where::device_let_in:
      site.sign_in(browser, person_of(texts));
      return site.submit(browser, "/device", "/device",
                         form({{"user_code", "WDJB-MJHT"}, {"answer", "allow"}}));
    case Where::sign_out:
      return signed_in("/logout");
    case Where::signed_out:
      return site.get(browser, "/signed-out?provider=stays");
    case Where::sign_in:
      return site.get(browser, hint);
    case Where::sign_in_client:
      return site.get(browser, hint + "&return_to=/auth/idp/k8sIdp/auth?client_id=x");
    case Where::sign_in_failed: {
      text::Form filled = form({{"username", texts.query}, {"password", "wrong"}});
      return site.submit(browser, "/auth/login", "/auth/login/local", std::move(filled));
    }
    case Where::not_found:
      return site.get(browser, "/" + texts.path);
    case Where::refused: {
      site.upstream().identity = fail(identity::Errc::denied, texts.provider_error);
      site.get(browser, "/auth/login?provider=okta");
      return site.get(browser, "/auth/oidc?error=x&state=" + site.upstream().begun.state);
    }
    case Where::command:
      site.sign_in(browser, person_of(texts));
      return site.submit(browser, "/k8s/demo", "/k8s/demo/command", form({{"shell", "posix"}}));
    case Where::sessions:
    case Where::end_session:
      break;
  }
  const session::Current current = site.sign_in(browser, person_of(texts));
  session::Sessions::FamilySpec spec;
  spec.holder = {std::string(kOrigin) + "/auth/idp/k8sIdp", "kubernetes"};
  spec.label = texts.kubectl_label;
  const auto family = site.block_on(site.sessions().open_family(
      current.live.sign_in.id, spec, std::nullopt, {"192.0.2.9", texts.user_agent, "r"}));
  if (where == Where::sessions) return site.get(browser, "/sessions");
  return site.get(browser, "/sessions/end?what=" + family->current.live.session.id.text());
}

struct FieldCase {
  const char* name;
  std::string Texts::* field;
  std::vector<Where> shown_on;
};

const FieldCase kFields[] = {
    {"user", &Texts::user, {Where::kubernetes, Where::profile, Where::device}},
    {"display name",
     &Texts::display_name,
     {Where::applications, Where::kubernetes, Where::profile, Where::sessions, Where::sign_out,
      Where::forbidden_cluster}},
    {"email", &Texts::email, {Where::profile}},
    {"group",
     &Texts::group,
     {Where::kubernetes, Where::command, Where::profile, Where::no_applications}},
    {"dropped group", &Texts::dropped_group, {Where::profile}},
    {"claim name", &Texts::claim_name, {Where::profile}},
    {"claim value", &Texts::claim_value, {Where::profile}},
    {"authentication method", &Texts::method, {Where::profile}},
    {"kubectl label", &Texts::kubectl_label, {Where::sessions, Where::end_session}},
    {"application label", &Texts::app_label, {Where::applications}},
    {"application description", &Texts::app_description, {Where::applications}},
    {"application organisation", &Texts::app_organisation, {Where::applications}},
    {"cluster label",
     &Texts::cluster_label,
     {Where::applications, Where::kubernetes, Where::sign_in, Where::not_found}},
    {"groups prefix", &Texts::groups_prefix, {Where::kubernetes}},
    {"user name prefix", &Texts::username_prefix, {Where::kubernetes}},
    {"product",
     &Texts::product,
     {Where::applications, Where::sign_in, Where::signed_out, Where::not_found}},
    {"contact",
     &Texts::contact,
     {Where::no_applications, Where::sign_in, Where::sign_in_failed, Where::refused}},
    {"provider label", &Texts::provider_label, {Where::sign_in, Where::profile}},
    {"client label",
     &Texts::client_label,
     {Where::sign_in_client, Where::device, Where::device_let_in}},
    {"device name", &Texts::device_name, {Where::device}},
    {"device address", &Texts::device_address, {Where::device}},
    {"login hint", &Texts::query, {Where::sign_in, Where::sign_in_failed}},
    {"path", &Texts::path, {Where::not_found}},
    {"needed group", &Texts::needed_group, {Where::forbidden_cluster}},
};

TEST(Escaping, EveryFieldWithEveryHostileText) {
  for (const FieldCase& each : kFields) {
    for (const Where where : each.shown_on) {
      const std::string harmless = skeleton(page_with(Texts(), where).body);
      for (const char* hostile : kHostile) {
        Texts texts;
        texts.*each.field = hostile;
        const std::string body = page_with(texts, where).body;
        const auto page = ::testing::Message()
                          << each.name << " on page " << static_cast<int>(where) << ": " << hostile;
        EXPECT_EQ(skeleton(body), harmless) << page;
        EXPECT_NE(body.find(text::html_escape(hostile)), std::string::npos) << page;
      }
    }
  }
}

// Shown in other words, in part, or not at all: there is no whole text to look for.
TEST(Escaping, FieldsThatArentShownWhole) {
  const FieldCase cases[] = {
      {"user agent", &Texts::user_agent, {Where::sessions, Where::end_session, Where::device}},
      {"provider's error", &Texts::provider_error, {Where::refused}},
      {"user in a command", &Texts::user, {Where::command}},
      {"icon", &Texts::app_icon, {Where::no_applications}},
  };
  for (const FieldCase& each : cases) {
    for (const Where where : each.shown_on) {
      const std::string harmless = skeleton(page_with(Texts(), where).body);
      for (const char* hostile : kHostile) {
        Texts texts;
        texts.*each.field = hostile;
        EXPECT_EQ(skeleton(page_with(texts, where).body), harmless) << each.name << hostile;
      }
    }
  }
}

TEST(Escaping, IconsAreImagesOrNothing) {
  for (const char* hostile : kHostile) {
    Texts texts;
    texts.app_icon = hostile;
    EXPECT_EQ(page_with(texts, Where::applications).body.find("<img class=\"tile-icon\""),
              std::string::npos)
        << hostile;
    texts.app_icon = std::string("https://icons.example/") + hostile;
    const Answer answer = page_with(texts, Where::applications);
    EXPECT_EQ(skeleton(answer.body), skeleton(page_with(Texts(), Where::applications).body));
    EXPECT_NE(answer.body.find(text::html_escape(texts.app_icon)), std::string::npos) << hostile;
  }
}

// A person's text never becomes an address or a handler.
TEST(Escaping, NoLinkRunsAScript) {
  for (const FieldCase& each : kFields) {
    Texts texts;
    texts.*each.field = "javascript:alert(1)";
    for (const Where where : each.shown_on) {
      for (const Tag& tag : tags_of(page_with(texts, where).body)) {
        for (const auto& [name, value] : tag.attributes) {
          const bool address =
              name == "href" || name == "src" || name == "action" || name == "formaction";
          EXPECT_FALSE(address && text::ascii_lower(value).starts_with("javascript:")) << each.name;
          EXPECT_FALSE(name.starts_with("on")) << each.name << ' ' << tag.name << ' ' << name;
          EXPECT_NE(name, "style") << tag.name;
        }
      }
    }
  }
}

// Texts are cut for some places: between characters, not inside one.
TEST(Escaping, PagesAreUtf8) {
  const std::string accented =
      "\xc3\x9c"
      "bersicht \xe2\x82\xac \xf0\x9f\x98\x80";
  std::string many;
  for (int i = 0; i < 300; ++i) many += "\xe2\x82\xac";
  for (const std::string& text : {accented, many, "a" + many, "ab" + many}) {
    for (const FieldCase& each : kFields) {
      Texts texts;
      const bool is_name = text.size() > 256;  // which mapping refuses at that length
      if (is_name && each.shown_on.front() != Where::sign_in && each.field != &Texts::app_label)
        continue;
      texts.*each.field = text;
      for (const Where where : each.shown_on) {
        EXPECT_TRUE(text::valid_utf8(page_with(texts, where).body))
            << each.name << " on page " << static_cast<int>(where);
      }
    }
    Texts texts;
    texts.user_agent = text;
    EXPECT_TRUE(text::valid_utf8(page_with(texts, Where::sessions).body));
    texts.app_label = text;
    texts.app_icon = "";  // its first character stands there instead
    EXPECT_TRUE(text::valid_utf8(page_with(texts, Where::applications).body));
  }
  Texts texts;
  texts.user_agent = "\xff\xfe/1";  // a field may hold any byte (RFC 9110 §5.5, obs-text)
  EXPECT_TRUE(text::valid_utf8(page_with(texts, Where::sessions).body));
}

}  // namespace
}  // namespace openunison::portal::testing
