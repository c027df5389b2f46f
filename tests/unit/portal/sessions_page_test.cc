// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Sessions, ShowsTheAccountsAndNobodyElses) {
  Site site;
  Browser browser, elsewhere, other;
  const session::Current mine = site.sign_in(browser);
  site.open_kubectl(mine);
  site.sign_in(elsewhere);
  const session::Current others = site.sign_in(other, person("mallory"));
  const std::string body = site.get(browser, "/sessions").body;
  EXPECT_THAT(body, HasSubstr("This sign-in"));
  EXPECT_THAT(body, HasSubstr("Sign-in on Firefox on Linux"));
  EXPECT_THAT(body, HasSubstr("laptop · demo"));
  EXPECT_THAT(body, HasSubstr("kubectl on Linux · 192.0.2.9"));
  EXPECT_THAT(body, HasSubstr(mine.live.session.id.text()));
  EXPECT_THAT(body, Not(HasSubstr(others.live.session.id.text())));
  std::size_t badges = 0;
  for (std::size_t at = body.find("this one"); at != std::string::npos;
       at = body.find("this one", at + 1)) {
    ++badges;
  }
  EXPECT_EQ(badges, 1u);
}

TEST(Sessions, OfVeryManyTheNewestAreShown) {
  Site site;
  Browser browser, before, later;
  const std::string mine = site.sign_in(browser).live.session.id.text();
  site.clock.advance(Seconds(1));
  std::string old = site.sign_in(before).live.session.id.text();
  for (int i = 0; i < 205; ++i) {
    Browser another;
    site.clock.advance(Seconds(1));
    site.sign_in(another);
  }
  const std::string newest = site.sign_in(later).live.session.id.text();
  const std::string body = site.get(browser, "/sessions").body;
  EXPECT_THAT(body, HasSubstr(mine));
  EXPECT_THAT(body, HasSubstr(newest));
  EXPECT_THAT(body, Not(HasSubstr(old)));
  EXPECT_THAT(body, HasSubstr("Older sessions aren’t shown"));
}

TEST(Sessions, EndingOne) {
  Site site;
  Browser browser;
  const session::Current mine = site.sign_in(browser);
  const std::string id = site.open_kubectl(mine).text();
  const Answer confirm = site.get(browser, "/sessions/end?what=" + id);
  EXPECT_THAT(confirm.body,
              HasSubstr("“laptop”, last used from 192.0.2.9, stops within about a minute."));
  EXPECT_EQ(hidden(confirm.body, "what"), id);
  EXPECT_EQ(site.count_sessions(), 2u) << "the page alone ends nothing";
  const Answer done = site.submit(browser, "/sessions", "/sessions/end", form({{"what", id}}));
  EXPECT_EQ(done.location(), "/sessions?ended=1");
  EXPECT_EQ(site.count_sessions(), 1u);
  EXPECT_THAT(site.get(browser, "/sessions?ended=1").body, HasSubstr("Done."));
}

TEST(Sessions, SomebodyElsesLooksLikeNone) {
  Site site;
  Browser browser, other;
  site.sign_in(browser);
  const session::Current others = site.sign_in(other, person("mallory"));
  for (const std::string& id :
       {others.live.session.id.text(), std::string("AAAAAAAAAAAAAAAAAAAAAA"), std::string("x"),
        std::string()}) {
    const Answer page = site.get(browser, "/sessions/end?what=" + id);
    EXPECT_EQ(page.location(), "/sessions") << id;
    const Answer done = site.submit(browser, "/sessions", "/sessions/end", form({{"what", id}}));
    EXPECT_EQ(done.location(), "/sessions?ended=0") << id;
  }
  EXPECT_EQ(site.get(other, "/profile").status, 200);
}

TEST(Sessions, EndingThisOneOrAllOrTheOthers) {
  struct Case {
    const char* what;
    const char* location;
    int mine_after, other_after;
    std::size_t left;
  };
  const Case cases[] = {
      {"others", "/sessions?ended=2", 200, 303, 2},
      {"all", "/signed-out", 303, 303, 1},
      {"this", "/signed-out", 303, 200, 3},
  };
  for (const Case& each : cases) {
    Site site;
    Browser browser, elsewhere, somebody;
    const session::Current mine = site.sign_in(browser);
    site.open_kubectl(mine);
    site.sign_in(elsewhere);
    site.sign_in(somebody, person("bob"));
    const std::string what =
        each.what == std::string("this") ? mine.live.session.id.text() : each.what;
    const Answer done = site.submit(browser, "/sessions", "/sessions/end", form({{"what", what}}));
    EXPECT_EQ(done.location(), each.location) << each.what;
    EXPECT_EQ(browser.session().empty(), each.mine_after == 303) << each.what;
    EXPECT_EQ(site.get(browser, "/profile").status, each.mine_after) << each.what;
    EXPECT_EQ(site.get(elsewhere, "/profile").status, each.other_after) << each.what;
    EXPECT_EQ(site.get(somebody, "/profile").status, 200) << each.what;
    EXPECT_EQ(site.count_sessions(), each.left) << each.what;
  }
}

TEST(Sessions, ProgramsAreNamedForPeople) {
  struct Case {
    const char* agent;
    const char* shown;
  };
  const Case cases[] = {
      {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
       "Firefox on Linux"},
      {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
       "Edge on Windows"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit Chrome/140.0 Safari/537.36",
       "Chrome on macOS"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
       "Safari on iOS"},
      {"Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"},
      {"kubectl/v1.34.0 (darwin/arm64) kubernetes/abc", "kubectl on macOS"},
      {"curl/8.0", "curl"},
      {"", "unknown program"},
      {"/", "unknown program"},
      {"(x)", "unknown program"},
      {"\xc3\xa9t\xe9/1", "??t?"},
      {"<b>/1", "&lt;b&gt;"},
  };
  for (const Case& each : cases) {
    Site site;
    Browser browser;
    site.open_kubectl(site.sign_in(browser), each.agent);
    EXPECT_THAT(site.get(browser, "/sessions").body,
                HasSubstr("<small>" + std::string(each.shown) + " · 192.0.2.9"))
        << each.agent;
  }
}

}  // namespace
}  // namespace openunison::portal::testing
