// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace openunison {
namespace {

using ThingId = Id<struct ThingTag>;

// The expected texts were computed with Python's base64.urlsafe_b64encode.
TEST(Id, PrintsAsBase64urlWithoutPadding) {
  EXPECT_EQ(ThingId{}.text(), "AAAAAAAAAAAAAAAAAAAAAA");
  ThingId ones;
  ones.bytes.fill(0xff);
  EXPECT_EQ(ones.text(), "_____________________w");
  ThingId counting;
  for (std::uint8_t i = 0; i < 16; ++i) counting.bytes[i] = i;
  EXPECT_EQ(counting.text(), "AAECAwQFBgcICQoLDA0ODw");
  const ThingId mixed{{0xfb, 0xef, 0xbe, 0xfb, 0xef, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  EXPECT_EQ(mixed.text(), "--------AAAAAAAAAAAAAQ");
}

TEST(Id, ReadsBackWhatItPrints) {
  ThingId id;
  for (int bit = 0; bit < 128; ++bit) {
    id.bytes.fill(0);
    id.bytes[static_cast<std::size_t>(bit / 8)] = static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_EQ(ThingId::parse(id.text()), id) << bit;
  }
}

TEST(Id, RefusesEverythingThatItWouldNotPrint) {
  using namespace std::string_view_literals;
  ASSERT_TRUE(ThingId::parse("AAECAwQFBgcICQoLDA0ODw"));
  const std::string_view cases[] = {
      ""sv,
      "AAECAwQFBgcICQoLDA0OD"sv,      // too short
      "AAECAwQFBgcICQoLDA0ODwA"sv,    // too long
      "AAECAwQFBgcICQoLDA0ODw=="sv,   // padded
      "AAECAwQFBgcICQoLDA0ODx"sv,     // trailing bits set
      "AAECAwQFBgcICQoLDA0OD+"sv,     // the other alphabet
      "AAECAwQFBgcICQoLDA0O/w"sv,     // the other alphabet
      "AAECAwQFBgcICQoLDA0O w"sv,     // white space
      "AAECAwQFBgcICQoLDA0O\0w"sv,    // NUL
      "AAECAwQFBgcICQoLDA0O\xc3w"sv,  // not ASCII
  };
  for (const auto text : cases) EXPECT_FALSE(ThingId::parse(text)) << testing::PrintToString(text);
}

TEST(Id, ComparesHashesAndShowsItsBytes) {
  ThingId a, b;
  b.bytes[15] = 1;
  EXPECT_LT(a, b);
  EXPECT_EQ(std::unordered_set<ThingId>({a, b, a}).size(), 2u);
  EXPECT_EQ(b.view(), std::string(15, '\0') + '\1');
}

}  // namespace
}  // namespace openunison
