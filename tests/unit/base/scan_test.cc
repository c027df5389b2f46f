// SPDX-License-Identifier: Apache-2.0
#include "base/scan.h"

#include <gtest/gtest.h>

#include <string>

namespace openunison {
namespace {

using namespace std::string_view_literals;

TEST(Scan, FindsTheFirstSpecialByteWhereverItIs) {
  const auto is_x = [](unsigned char c) { return c == 'x'; };
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string plain(length, 'a');
    EXPECT_EQ(plain_length(plain, is_x), length);
    for (std::size_t at = 0; at < length; ++at) {
      std::string text = plain;
      text[at] = 'x';
      EXPECT_EQ(plain_length(text, is_x), at);
      text.back() = 'x';
      EXPECT_EQ(plain_length(text, is_x), at) << "the first of two";
    }
  }
}

TEST(Scan, SpecialSeesBytesNotSignedCharacters) {
  const auto is_wide = [](unsigned char c) { return c >= 0x80; };
  EXPECT_EQ(plain_length("ab\x7f\x80", is_wide), 3u);
}

// RFC 3629 §4.
TEST(Scan, Utf8SequencesAndWhatIsNone) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"a", 1},
      {"\0"sv, 1},
      {"\x7f", 1},
      {"\xc2\x80", 2},
      {"\xdf\xbf", 2},
      {"\xe0\xa0\x80", 3},
      {"\xed\x9f\xbf", 3},
      {"\xee\x80\x80", 3},
      {"\xef\xbf\xbf", 3},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xc3\xa4rger", 2},
      {"", 0},
      {"\x80", 0},          // a continuation alone
      {"\xc0\x80", 0},      // overlong
      {"\xc1\xbf", 0},      // overlong
      {"\xe0\x9f\xbf", 0},  // overlong
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xed\xa0\x80", 0},      // a surrogate
      {"\xf4\x90\x80\x80", 0},  // over U+10FFFF
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"\xc3", 0},  // cut short
      {"\xe2\x82", 0},
      {"\xf0\x90\x80", 0},
      {"\xc3(", 0},
      {"\xe2(\x82", 0},
      {"\xe2\x82(", 0},
      {"\xf0\x90\x80(", 0},
  };
  for (const auto& [text, length] : cases)
    EXPECT_EQ(utf8_sequence(text), length) << testing::PrintToString(text);
}

}  // namespace
}  // namespace openunison
