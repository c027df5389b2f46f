// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Profile, ShowsWhatArrivedAndWhatLeaves) {
  Site site;
  site.values.groups_filter.exclude = {"hidden-*"};
  Browser browser;
  identity::Identity who = person("alice", {"ops", "hidden-1", "system:masters"});
  who.claims.set("name", "Alice Example");
  who.claims.set("email", "alice@example.com");
  who.claims.set("email_verified", false);
  who.claims.set("roles", text::Json(text::Json::Array{"a", 1}));
  who.amr = {"pwd", "otp"};
  site.sign_in(browser, who);
  const std::string body = site.get(browser, "/profile").body;
  EXPECT_THAT(body, HasSubstr("<h1>Alice Example</h1>"));
  EXPECT_THAT(body, HasSubstr("alice@example.com <small>not verified</small>"));
  EXPECT_THAT(body, HasSubstr("from 192.0.2.7 with pwd, otp"));
  EXPECT_THAT(body, HasSubstr("Groups (1)"));
  EXPECT_THAT(body, HasSubstr("<li>ops</li></ul>"));
  EXPECT_THAT(body, HasSubstr("2 groups were not passed on"));
  EXPECT_THAT(body,
              HasSubstr("<code>system:masters</code></dt><dd>system: names are never passed on"));
  EXPECT_THAT(body, HasSubstr("<code>hidden-1</code></dt><dd>the filter in values"));
  EXPECT_THAT(body, HasSubstr("[&quot;a&quot;,1]"));
  EXPECT_THAT(body, HasSubstr("&quot;sub&quot;: &quot;alice&quot;"));
  EXPECT_THAT(body, HasSubstr("can’t be asked again without you"));
}

TEST(Profile, NameStandsInForAMissingOne) {
  Site site;
  Browser browser;
  site.sign_in(browser, person("bob", {}));
  const std::string body = site.get(browser, "/profile").body;
  EXPECT_THAT(body, HasSubstr("<h1>bob</h1>"));
  EXPECT_THAT(body, Not(HasSubstr("<dt>Mail</dt>")));
  EXPECT_THAT(body, HasSubstr("No groups are passed on"));
}

TEST(Profile, SaysHowOftenGroupsAreChecked) {
  Site site;
  Browser browser;
  identity::Identity who = person();
  who.recheckable = true;
  site.sign_in(browser, who);
  EXPECT_THAT(site.get(browser, "/profile").body,
              HasSubstr("checked with the identity provider about every 5 minutes"));
}

}  // namespace
}  // namespace openunison::portal::testing
