// SPDX-License-Identifier: Apache-2.0
#include "crypto/base64url.h"

#include <gtest/gtest.h>

namespace openunison::crypto {
namespace {

// RFC 4648 §10, without padding.
TEST(Base64, Rfc4648Vectors) {
  struct {
    std::string_view bytes, text;
  } cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
               {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& test : cases) {
    EXPECT_EQ(encode_base64url(test.bytes), test.text);
    EXPECT_EQ(decode_base64url(test.text), test.bytes);
    EXPECT_EQ(decode_base64_unpadded(test.text), test.bytes);
    EXPECT_EQ(decode_base64_loosely(test.text), test.bytes);
  }
}

TEST(Base64, EachDecoderTakesItsOwnAlphabet) {
  EXPECT_EQ(encode_base64url("\xfb\xff\xbf"), "-_-_");
  EXPECT_EQ(decode_base64url("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(decode_base64_unpadded("+/+/"), "\xfb\xff\xbf");
  EXPECT_FALSE(decode_base64url("+/+/"));
  EXPECT_FALSE(decode_base64_unpadded("-_-_"));
  EXPECT_FALSE(decode_base64_loosely("-_-_"));
}

TEST(Base64, StrictDecodersRefuseOtherSpellingsOfTheSameBytes) {
  using namespace std::string_view_literals;
  for (const auto text : {"Zg=="sv, "Zg="sv, "Zh"sv, "Zm9"sv, "Z"sv, "Zm9vY"sv, "Zm9vA"sv, "A"sv,
                          " Zg"sv, "Zg\n"sv, "Z\0"sv, "Z\x80"sv}) {
    EXPECT_FALSE(decode_base64url(text)) << testing::PrintToString(text);
    EXPECT_FALSE(decode_base64_unpadded(text)) << testing::PrintToString(text);
  }
}

TEST(Base64, LooseDecoderTakesPaddingAndWhiteSpaceOnly) {
  for (const std::string_view text : {"Zg", "Zg==", " Z\tg=\r\n= \n"}) {
    EXPECT_EQ(decode_base64_loosely(text), "f") << text;
  }
  for (const std::string_view text :
       {"Zg=", "Zg===", "====", "Z===", "=Zg=", "Zh==", "Zg==Zg==", "Z!g="}) {
    EXPECT_FALSE(decode_base64_loosely(text)) << text;
  }
}

}  // namespace
}  // namespace openunison::crypto
