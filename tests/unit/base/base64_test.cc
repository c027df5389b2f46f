// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <gtest/gtest.h>

#include <random>

namespace openunison {
namespace {

using namespace std::string_view_literals;

// RFC 4648 §10.
TEST(Base64, VectorsBothWays) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, padded] : vectors) {
    const std::string_view bare = padded.substr(0, padded.find('='));
    EXPECT_EQ(base64_encode(plain), padded);
    EXPECT_EQ(base64_decode(padded), plain);
    EXPECT_EQ(base64_decode_unpadded(bare), plain);
    EXPECT_EQ(base64_decode_loosely(padded), plain);
    EXPECT_EQ(base64_decode_loosely(bare), plain);
    EXPECT_EQ(base64url_encode(plain), bare);
    EXPECT_EQ(base64url_decode(bare), plain);
  }
}

TEST(Base64, EachDecoderTakesItsOwnAlphabet) {
  EXPECT_EQ(base64_encode("\xfb\xff\xbf"), "+/+/");
  EXPECT_EQ(base64url_encode("\xfb\xff\xbf"), "-_-_");
  EXPECT_EQ(base64url_decode("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(base64_decode("+/+/"), "\xfb\xff\xbf");
  EXPECT_EQ(base64_decode_unpadded("+/+/"), "\xfb\xff\xbf");
  for (const std::string_view other : {"+/+/", "Zm+v", "Zm/v"})
    EXPECT_FALSE(base64url_decode(other)) << other;
  for (const std::string_view other : {"-_-_", "Zm-v", "Zm_v"}) {
    EXPECT_FALSE(base64_decode(other)) << other;
    EXPECT_FALSE(base64_decode_unpadded(other)) << other;
    EXPECT_FALSE(base64_decode_loosely(other)) << other;
  }
}

TEST(Base64, StrictDecodersRefuseOtherSpellingsOfTheSameBytes) {
  for (const auto text : {"Zg=="sv, "Zg="sv, "Zh"sv, "Zm9"sv, "Z"sv, "Zm9vY"sv, "Zm9vA"sv, "A"sv,
                          " Zg"sv, "Zg\n"sv, "Z\0"sv, "Z\x80"sv, "Zm9v "sv}) {
    EXPECT_FALSE(base64url_decode(text)) << testing::PrintToString(text);
    EXPECT_FALSE(base64_decode_unpadded(text)) << testing::PrintToString(text);
  }
  for (const auto text : {"Zg"sv, "Zg="sv, "Zg==="sv, "Zh=="sv, "Zm9v\n"sv, "Zm9 "sv, "Z"sv,
                          "===="sv, "Zm=v"sv, "=Zm9"sv, "Zg==Zg=="sv, "Zm9\0"sv, "Zm9\xff"sv})
    EXPECT_FALSE(base64_decode(text)) << testing::PrintToString(text);
}

TEST(Base64, LooseDecoderTakesPaddingAndWhiteSpaceOnly) {
  for (const std::string_view text : {"Zg", "Zg==", " Z\tg=\r\n= \n"})
    EXPECT_EQ(base64_decode_loosely(text), "f") << text;
  for (const std::string_view text :
       {"Zg=", "Zg===", "====", "Z===", "=Zg=", "Zh==", "Zg==Zg==", "Z!g="})
    EXPECT_FALSE(base64_decode_loosely(text)) << text;
}

// Every byte that is no digit, at every place of a group and of what is left over.
TEST(Base64, RefusesEveryOtherByteAtEveryPlace) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int c = 0; c < 256; ++c) {
    if (kDigits.find(static_cast<char>(c)) != std::string_view::npos) continue;
    for (const std::size_t length : {2u, 3u, 4u, 8u, 10u, 11u}) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'A');
        text[at] = static_cast<char>(c);
        EXPECT_FALSE(base64url_decode(text)) << c << " at " << at << " of " << length;
      }
    }
  }
}

TEST(Base64, WhatIsEncodedIsDecoded) {
  std::minstd_rand random(1);
  for (std::size_t length = 0; length < 200; ++length) {
    std::string bytes(length, '\0');
    for (char& c : bytes) c = static_cast<char>(random() >> 8);
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
}

}  // namespace
}  // namespace openunison
