// SPDX-License-Identifier: Apache-2.0
#include "portal/assets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fixture.h"
#include "html.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;

TEST(Theme, IsRememberedAndShown) {
  struct Case {
    const char* chosen;
    const char* shown;
  };
  const Case cases[] = {{"dark", "dark"},
                        {"light", "light"},
                        {"system", "system"},
                        {"", "system"},
                        {"\"><b>", "system"}};
  Site site;
  for (const Case& each : cases) {
    Browser browser;
    const Answer answer = site.ask(
        browser, post("/theme", form({{"theme", each.chosen}, {"return_to", "/signed-out"}})));
    EXPECT_EQ(answer.location(), "/signed-out");
    EXPECT_THAT(site.get(browser, "/signed-out").body,
                HasSubstr("<html lang=\"en\" data-theme=\"" + std::string(each.shown) + "\">"));
  }
  Browser odd;
  odd.cookies["__Host-ou-theme"] = "x";
  EXPECT_THAT(site.get(odd, "/signed-out").body, HasSubstr("data-theme=\"system\""));
}

TEST(Assets, PageLinksOnlyWhatIsServed) {
  Site site;
  site.logo = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
  Browser browser;
  std::size_t found = 0;
  for (const Tag& tag : tags_of(site.get(browser, "/signed-out").body)) {
    for (const char* name : {"src", "href"}) {
      const std::string address(tag.attribute(name));
      if (!address.starts_with("/assets/")) continue;
      ++found;
      const Answer answer = site.get(browser, address);
      EXPECT_EQ(answer.status, 200) << address;
      EXPECT_NE(answer.body, "") << address;
      EXPECT_EQ(answer.header("cache-control"), "public, max-age=31536000, immutable") << address;
      EXPECT_EQ(answer.header("x-content-type-options"), "nosniff") << address;
      // An SVG opened by itself runs no script.
      EXPECT_THAT(answer.header("content-security-policy"), HasSubstr("sandbox")) << address;
      EXPECT_THAT(answer.header("content-security-policy"), HasSubstr("default-src 'none'"))
          << address;
      EXPECT_EQ(answer.header("set-cookie"), "") << address;
    }
  }
  EXPECT_EQ(found, 4u);  // icon, stylesheet, script, logo
}

TEST(Assets, OthersAreNotThere) {
  Site site;
  Browser browser;
  for (const char* target :
       {"/assets/", "/assets/portal.css", "/assets/../secrets", "/assets/%2e%2e/x"}) {
    const Answer answer = site.get(browser, target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_EQ(answer.header("cache-control"), "no-store") << target;
  }
}

// --- The accent ---

// The value of a custom property in the first block that begins so.
std::string property(std::string_view css, std::string_view block, std::string_view name) {
  const std::string wanted = std::string(name) + ":";
  const std::size_t start = css.find(block);
  if (start == std::string_view::npos) return "";
  const std::size_t at = css.find(wanted, start);
  return at == std::string_view::npos ? "" : std::string(css.substr(at + wanted.size(), 7));
}

// Relative luminance of "#rrggbb" (WCAG 2.2).
double luminance(const std::string& colour) {
  constexpr double kWeights[] = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = std::stoi(colour.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    sum += kWeights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const std::string& a, const std::string& b) {
  const double one = luminance(a), other = luminance(b);
  return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
}

TEST(AccentCss, CanBeReadWhateverTheColour) {
  constexpr std::string_view kLight = ":root{", kDark = ":root[data-theme=dark]{";
  EXPECT_NEAR(contrast("#000000", "#ffffff"), 21, 0.01);
  for (const char* accent : {"", "#000000", "#ffffff", "#0b6e69", "#ff0000", "#ffff00", "#0000ff",
                             "#777777", "#808080", "#00ff00", "#123456", "#fedcba"}) {
    const std::string css = accent_css(accent);
    for (const std::string_view block : {kLight, kDark}) {
      const std::string back = property(css, block, "--accent");
      ASSERT_EQ(back.size(), 7u) << accent;
      EXPECT_GE(contrast(back, property(css, block, "--on-accent")), 4.5) << accent << block;
    }
    EXPECT_GE(contrast(property(css, kLight, "--link"), "#f6f5f2"), 4.5) << accent;
    EXPECT_GE(contrast(property(css, kDark, "--link"), "#1e2126"), 4.5) << accent;
    if (*accent != '\0') EXPECT_EQ(property(css, kLight, "--accent"), accent);
  }
}

// Values are checked before; the stylesheet doesn't count on it.
TEST(AccentCss, OnlyColoursComeOut) {
  const std::string good = accent_css("#0b6e69");
  for (const char* accent : {"red;}*{", "}*{x:y}", "#12345", "url(//x)", "#gggggg"}) {
    const std::string css = accent_css(accent);
    EXPECT_EQ(css.size(), good.size()) << accent;
    EXPECT_EQ(std::ranges::count(css, '{'), std::ranges::count(good, '{')) << accent;
    EXPECT_EQ(css.find("url("), std::string::npos) << accent;
  }
}

TEST(AccentCss, ChangesTheStylesheetsName) {
  Site one, other;
  other.values.branding.accent = "#ff0000";
  Browser browser;
  const auto stylesheet = [&](Site& site) {
    for (const Tag& tag : tags_of(site.get(browser, "/signed-out").body)) {
      if (tag.attribute("rel") == "stylesheet") return std::string(tag.attribute("href"));
    }
    return std::string();
  };
  EXPECT_NE(stylesheet(one), stylesheet(other));
  EXPECT_THAT(other.get(browser, stylesheet(other)).body, HasSubstr("--accent:#ff0000"));
}

}  // namespace
}  // namespace openunison::portal::testing
