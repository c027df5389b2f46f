// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"
#include "html.h"

namespace openunison::portal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

config::Application app(std::string name, std::vector<std::string> az_groups = {},
                        std::string org = "") {
  config::Application made;
  made.name = std::move(name);
  made.badge_url = "https://" + made.name + ".example/";
  made.az_groups = std::move(az_groups);
  made.org = std::move(org);
  return made;
}

// The names on the tiles, in order.
std::vector<std::string> tiles(const Answer& answer) {
  std::vector<std::string> names;
  for (const Tag& tag : tags_of(answer.body)) {
    if (tag.name == "li" && tag.attribute("class").starts_with("tile")) {
      names.emplace_back(tag.attribute("data-name"));
    }
  }
  return names;
}

std::vector<std::string> headings(const Answer& answer) {
  std::vector<std::string> names;
  for (const Tag& tag : tags_of(answer.body)) {
    if (tag.name == "section" && tag.attribute("class") == "organisation") {
      names.emplace_back(tag.attribute("aria-label"));
    }
  }
  return names;
}

TEST(Applications, OnlyWhatThePersonsGroupsAllow) {
  struct Case {
    std::vector<std::string> groups;
    std::vector<std::string> tiles;
  };
  const Case cases[] = {
      {{}, {"demo", "open"}},
      {{"guests"}, {"demo", "open"}},
      {{"ops"}, {"demo", "prod", "open", "for-ops", "for-either"}},
      {{"dev"}, {"demo", "open", "for-either"}},
      {{"dev", "ops"}, {"demo", "prod", "open", "for-ops", "for-either"}},
      {{"OPS"}, {"demo", "open"}},
      {{"ops "
        "x"},
       {"demo", "open"}},
      {{"op"}, {"demo", "open"}},
      {{"dev,ops"}, {"demo", "open"}},
  };
  for (const Case& each : cases) {
    Site site;
    site.values.apps = {app("open"), app("for-ops", {"ops"}), app("for-either", {"dev", "ops"}),
                        app("for-nobody", {"nobody"})};
    Browser browser;
    site.sign_in(browser, person("alice", each.groups));
    const Answer answer = site.get(browser, "/");
    EXPECT_THAT(tiles(answer), ::testing::ElementsAreArray(each.tiles))
        << ::testing::PrintToString(each.groups);
    EXPECT_THAT(answer.body, Not(HasSubstr("for-nobody")));
  }
}

// A group that values keep from being passed on counts for nothing either.
TEST(Applications, GroupsThatAreFilteredOutDontCount) {
  Site site;
  site.values.groups_filter.exclude = {"ops"};
  Browser browser;
  site.sign_in(browser);
  EXPECT_THAT(tiles(site.get(browser, "/")), ElementsAre("demo"));
}

TEST(Applications, OrganisationsInTheOrderOfValues) {
  Site site;
  site.values.apps = {app("a", {}, "Team B"), app("b"), app("c", {}, "Team A"),
                      app("d", {}, "Team B")};
  Browser browser;
  site.sign_in(browser);
  const Answer answer = site.get(browser, "/");
  EXPECT_THAT(headings(answer), ElementsAre("Kubernetes", "Team B", "Applications", "Team A"));
  EXPECT_THAT(tiles(answer), ElementsAre("demo", "prod", "a", "d", "b", "c"));
  EXPECT_THAT(answer.body, HasSubstr("<a href=\"https://a.example/\">"));
  EXPECT_THAT(answer.body, HasSubstr("<a href=\"/k8s/demo\">"));
}

TEST(Applications, NothingToShowSaysWhatArrived) {
  Site site;
  site.values.clusters[0].az_groups = {"nobody"};
  site.values.branding.help_contact = "it@example.com";
  Browser some, none;
  site.sign_in(some, person("bob", {"guests", "interns"}));
  site.sign_in(none, person("eve", {}));
  const Answer with_groups = site.get(some, "/"), without = site.get(none, "/");
  EXPECT_THAT(with_groups.body, HasSubstr("Ask it@example.com to add you to one."));
  EXPECT_THAT(with_groups.body, HasSubstr("<li>guests</li><li>interns</li>"));
  EXPECT_THAT(without.body, HasSubstr("sent no groups at all"));
  EXPECT_THAT(with_groups.body, Not(HasSubstr("sent no groups at all")));
  EXPECT_THAT(tiles(with_groups), IsEmpty());
}

TEST(Applications, SearchComesWithTheNinth) {
  for (const std::size_t count : {8u, 9u}) {
    Site site;
    for (std::size_t i = 2; i < count; ++i)
      site.values.apps.push_back(app("app" + std::to_string(i)));
    Browser browser;
    site.sign_in(browser);
    const Answer answer = site.get(browser, "/");
    ASSERT_EQ(tiles(answer).size(), count);
    EXPECT_EQ(answer.body.find("data-search") != std::string::npos, count == 9) << count;
  }
}

}  // namespace
}  // namespace openunison::portal::testing
