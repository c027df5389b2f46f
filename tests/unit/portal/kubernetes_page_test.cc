// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fixture.h"
#include "html.h"
#include "text/yaml.h"

namespace openunison::portal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Kubernetes, OpeningThePageMakesNothing) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const Answer answer = site.get(browser, "/k8s/demo");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("https://demo.example:6443"));
  EXPECT_THAT(answer.body, Not(HasSubstr("id=\"command\"")));
  EXPECT_EQ(site.count_sessions(), 1u);
}

TEST(Kubernetes, ShowsThePersonAsTheClusterDoes) {
  Site site;
  site.values.clusters[0].username_prefix = "oidc:";
  site.values.clusters[0].groups_prefix = "grp:";
  site.values.clusters[1].username_prefix = "";
  Browser browser;
  site.sign_in(browser);
  const std::string demo = site.get(browser, "/k8s/demo").body;
  EXPECT_THAT(demo, HasSubstr("<code>oidc:alice</code>"));
  EXPECT_THAT(demo, HasSubstr("<li>grp:ops</li>"));
  EXPECT_THAT(site.get(browser, "/k8s/prod").body,
              HasSubstr("<code>https://portal.example/auth/idp/prod#alice</code>"));
}

TEST(Kubernetes, ClustersOfOthersAreRefusedOnEachWay) {
  Site site;
  Browser browser;
  site.sign_in(browser, person("bob", {"guests"}));
  for (const char* suffix : {"", "/command", "/kubeconfig"}) {
    const std::string target = std::string("/k8s/prod") + suffix;
    const Answer answer =
        *suffix == '\0' ? site.get(browser, target) : site.submit(browser, "/k8s/demo", target, {});
    EXPECT_EQ(answer.status, 403) << target;
    EXPECT_THAT(answer.body, HasSubstr("This cluster is for members of: ops.")) << target;
    EXPECT_THAT(answer.body, Not(HasSubstr("our_"))) << target;
  }
  EXPECT_EQ(site.count_sessions(), 1u);
  EXPECT_THAT(site.get(browser, "/k8s/demo").body, Not(HasSubstr("/k8s/prod")));
}

TEST(Kubernetes, WithoutANameTheFirstUsableClusterIsMeant) {
  Site site;
  site.values.clusters[0].az_groups = {"nobody"};
  Browser ops, guest;
  site.sign_in(ops);
  site.sign_in(guest, person("bob", {"guests"}));
  EXPECT_EQ(site.get(ops, "/k8s").location(), "/k8s/prod");
  EXPECT_EQ(site.get(guest, "/k8s").status, 403);
}

TEST(Kubernetes, EachButtonOpensASessionOfItsOwn) {
  Site site;
  Browser browser;
  const session::Current current = site.sign_in(browser);
  struct Case {
    const char* target;
    const char* shell;
    const char* label;
    const char* begins;
  };
  const Case cases[] = {
      {"/k8s/demo/command", "posix", "Pasted command", "sh -c "},
      {"/k8s/demo/command", "", "Pasted command", "sh -c "},
      {"/k8s/demo/command", "powershell", "Pasted command (PowerShell)", "&amp; {"},
      {"/k8s/prod/kubeconfig", "", "kubeconfig file", ""},
  };
  std::size_t expected = 1;
  for (const Case& each : cases) {
    const Answer answer =
        site.submit(browser, "/k8s/demo", each.target, form({{"shell", each.shell}}));
    EXPECT_EQ(answer.status, 200) << each.target;
    if (*each.begins != '\0') {
      EXPECT_THAT(answer.body,
                  HasSubstr("<pre id=\"command\" tabindex=\"0\">" + std::string(each.begins)));
    }
    store::Selector mine;
    mine.sign_in = current.live.sign_in.id;
    const auto listed = site.block_on(site.sessions().list(mine, 100));
    ASSERT_EQ(listed->size(), ++expected) << each.target;
    const auto made = std::ranges::find_if(
        *listed, [&](const session::Current& one) { return one.live.session.label == each.label; });
    ASSERT_NE(made, listed->end()) << each.label;
    EXPECT_EQ(made->live.session.kind, store::SessionKind::client);
    EXPECT_EQ(made->live.session.origin, store::Origin::pasted);
    EXPECT_EQ(made->live.session.client_id, "kubernetes");
    EXPECT_EQ(made->live.session.unused_until, site.clock.now() + Seconds(600));
  }
}

// The token on the page is good for that cluster's client.
TEST(Kubernetes, CommandsTokenRefreshes) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const auto token_of = [](std::string_view body) {
    const std::size_t at = body.find("our_");
    return std::string(body.substr(at, body.find_first_of("' \n&\"", at) - at));
  };
  const std::string first =
      token_of(site.submit(browser, "/k8s/demo", "/k8s/demo/command", {}).body);
  const std::string second =
      token_of(site.submit(browser, "/k8s/demo", "/k8s/demo/kubeconfig", {}).body);
  EXPECT_NE(first, second);
  for (const std::string& token : {first, second}) {
    EXPECT_TRUE(
        site.block_on(site.sessions().rotate(
                          token, {std::string(kOrigin) + "/auth/idp/k8sIdp", "kubernetes"}, {}, {}))
            .has_value())
        << token;
    EXPECT_FALSE(
        site.block_on(site.sessions().rotate(
                          token, {std::string(kOrigin) + "/auth/idp/k8sIdp", "other"}, {}, {}))
            .has_value());
  }
  const std::string unused =
      token_of(site.submit(browser, "/k8s/demo", "/k8s/demo/command", {}).body);
  site.clock.advance(Seconds(600));
  EXPECT_FALSE(
      site.block_on(site.sessions().rotate(
                        unused, {std::string(kOrigin) + "/auth/idp/k8sIdp", "kubernetes"}, {}, {}))
          .has_value());
}

TEST(Kubernetes, FileIsADownloadThatParses) {
  Site site;
  site.values.clusters[0].k8s_ca_pem =
      "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n";
  Browser browser;
  site.sign_in(browser, person("o'brien <x>"));
  const Answer answer = site.submit(browser, "/k8s/demo", "/k8s/demo/kubeconfig", {});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/yaml");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(answer.header("content-disposition"), "attachment; filename=\"kubeconfig-demo.yaml\"");
  const auto file = text::Yaml::parse(answer.body);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  ASSERT_NE(file->find("users"), nullptr);
  const text::Yaml& user = file->find("users")->items.at(0);
  EXPECT_EQ(user.find("name")->scalar, "o-brien--x-@demo");
  const text::Yaml* config = user.find("user")->find("auth-provider")->find("config");
  EXPECT_EQ(config->find("idp-issuer-url")->scalar, "https://portal.example/auth/idp/k8sIdp");
  EXPECT_THAT(config->find("refresh-token")->scalar, StartsWith("our_"));
  const text::Yaml* cluster = file->find("clusters")->items.at(0).find("cluster");
  EXPECT_EQ(cluster->find("server")->scalar, "https://demo.example:6443");
  EXPECT_NE(cluster->find("certificate-authority-data"), nullptr);
}

TEST(Kubernetes, TooManyGroupsForATokenSaysSoAndOpensNothing) {
  Site site;
  std::vector<std::string> many{"ops"};
  for (int i = 0; i < 400; ++i)
    many.push_back("a-group-with-a-rather-long-name-" + std::to_string(i));
  Browser browser;
  site.sign_in(browser, person("alice", many));
  const Answer page = site.get(browser, "/k8s/demo");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("Too many groups"));
  EXPECT_THAT(page.body, Not(HasSubstr("/k8s/demo/command")));
  for (const char* target : {"/k8s/demo/command", "/k8s/demo/kubeconfig"}) {
    EXPECT_EQ(site.submit(browser, "/profile", target, {}).status, 403) << target;
  }
  EXPECT_EQ(site.count_sessions(), 1u);
}

TEST(Kubernetes, WindowsGetsPowerShellFirst) {
  Site site;
  for (const auto& [agent, posix, windows] :
       {std::tuple("Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "way", "way best"),
        std::tuple("Mozilla/5.0 (X11; Linux) Firefox/140.0", "way best", "way")}) {
    Browser browser;
    browser.user_agent = agent;
    site.sign_in(browser);
    std::vector<std::string> classes;
    for (const Tag& tag : tags_of(site.get(browser, "/k8s/demo").body)) {
      if (tag.attribute("class").starts_with("way") && tag.name == "form") {
        classes.emplace_back(tag.attribute("class"));
      }
    }
    EXPECT_THAT(classes, ElementsAre(posix, windows, "way")) << agent;
  }
}

}  // namespace
}  // namespace openunison::portal::testing
