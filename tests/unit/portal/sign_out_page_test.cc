// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SignOut, EndsTheSignInAndItsKubectl) {
  Site site;
  Browser browser, elsewhere;
  site.open_kubectl(site.sign_in(browser));
  site.sign_in(elsewhere);
  EXPECT_THAT(site.get(browser, "/logout").body, HasSubstr("Sign out?"));
  EXPECT_EQ(site.count_sessions(), 3u) << "the page alone ends nothing";
  const Answer done = site.submit(browser, "/logout", "/logout", {});
  EXPECT_EQ(done.location(), "/signed-out?provider=stays");
  EXPECT_EQ(browser.session(), "");
  EXPECT_EQ(site.count_sessions(), 1u);
  EXPECT_EQ(site.get(elsewhere, "/profile").status, 200);
  EXPECT_EQ(site.get(browser, "/logout").location(), "/signed-out");
}

TEST(SignOut, CookieThatWasKeptIsWorthNothing) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  const Browser copy = browser;
  site.submit(browser, "/logout", "/logout", {});
  Browser thief = copy;
  EXPECT_EQ(site.get(thief, "/profile").status, 303);
}

TEST(SignOut, PageTellsOfTheProviderOnlyIfItMayStay) {
  Site site;
  Browser browser;
  const char* const stays = "At your identity provider you may still be signed in.";
  EXPECT_THAT(site.get(browser, "/signed-out?provider=stays").body, HasSubstr(stays));
  EXPECT_THAT(site.get(browser, "/signed-out").body, Not(HasSubstr(stays)));
  EXPECT_THAT(site.get(browser, "/signed-out?provider=<b>").body, Not(HasSubstr("<b>")));
  Site local;
  local.values.identity_providers.erase(local.values.identity_providers.begin());
  EXPECT_THAT(local.get(browser, "/signed-out?provider=stays").body, Not(HasSubstr(stays)));
}

}  // namespace
}  // namespace openunison::portal::testing
