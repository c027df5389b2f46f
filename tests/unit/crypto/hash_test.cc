// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace openunison::crypto {
namespace {

std::string unhex(std::string_view text) {
  CHECK(text.size() % 2 == 0);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

// FIPS 180-4, examples of one and two blocks, and the empty message.
TEST(Sha2, Fips180Examples) {
  struct {
    std::string_view data, sha256, sha384, sha512;
  } cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
       "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f1489"
       "8b95b",
       "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877"
       "eec2f63b931bd47417a81a538327af927da3e"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
       "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c"
       "825a7",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3f"
       "eebbd454d4423643ce80e2a9ac94fa54ca49f"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmn"
       "opqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
       "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa917"
       "46039",
       "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b"
       "5433ac7d329eeb6dd26545e96e55b874be909"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(hex(view(sha256(test.data))), test.sha256);
    EXPECT_EQ(hex(sha384(test.data)), test.sha384);
    EXPECT_EQ(hex(sha512(test.data)), test.sha512);
  }
}

// RFC 4231 §4.2–4.8, without the truncated case 5.
TEST(HmacSha256, Rfc4231) {
  struct {
    std::string key, data;
    std::string_view mac;
  } cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {unhex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& test : cases) EXPECT_EQ(hex(view(hmac_sha256(test.key, test.data))), test.mac);
}

// The key of the call before is kept: neither its text nor its key may reach into the next.
TEST(HmacSha256, CallsWithTheSameKeyAndWithOthersDoNotMix) {
  const std::string key(32, 'k'), other(32, 'o');
  const auto first = hmac_sha256(key, "one"), second = hmac_sha256(other, "one");
  EXPECT_NE(first, second);
  EXPECT_EQ(hmac_sha256(other, "one"), second);
  EXPECT_NE(hmac_sha256(other, "two"), second);
  EXPECT_EQ(hmac_sha256(other, "one"), second);
  EXPECT_EQ(hmac_sha256(key, "one"), first);
  EXPECT_NE(hmac_sha256({}, "one"), first);
  EXPECT_EQ(hmac_sha256(key, "one"), first);
}

TEST(HmacSha256, EmptyKeyIsNotTheKeyOfTheCallBefore) {
  const auto other = hmac_sha256("some key", "data");
  const auto empty = hmac_sha256({}, "data");
  EXPECT_NE(empty, other);
  EXPECT_EQ(empty, hmac_sha256(std::string(64, '\0'), "data"));  // RFC 2104 pads with zeros
  EXPECT_EQ(hmac_sha256("k", {}), hmac_sha256("k", ""));
}

// RFC 5869 appendix A.1–A.3.
TEST(HkdfSha256, Rfc5869) {
  struct {
    std::string_view key, salt, info;
    std::size_t length;
    std::string_view output;
  } cases[] = {
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
       "f0f1f2f3f4f5f6f7f8f9", 42,
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2"
       "d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
       "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8"
       "d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
       "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcd"
       "ddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
       82,
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e5"
       "90e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42,
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(hex(hkdf_sha256(unhex(test.key), unhex(test.salt), unhex(test.info), test.length)),
              test.output);
  }
}

TEST(HkdfSha256DeathTest, LongestOutputAndNoLonger) {
  EXPECT_EQ(hkdf_sha256("key", {}, {}, 255 * 32).size(), 255u * 32u);
  EXPECT_DEATH(hkdf_sha256("key", {}, {}, 255 * 32 + 1), "CHECK failed");
}

TEST(ConstantTimeEqual, ComparesLengthAndEveryByte) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "ab"));
  EXPECT_FALSE(constant_time_equal("abc", "abcd"));
  EXPECT_FALSE(constant_time_equal("abc", "xbc"));
  EXPECT_FALSE(constant_time_equal("abc", "abx"));
  EXPECT_FALSE(constant_time_equal("a\0b"sv, "a\0c"sv));
}

TEST(Hex, IsLowerCaseAndTakesEveryByte) {
  using namespace std::string_view_literals;
  EXPECT_EQ(hex("\x00\x09\x0a\xf0\xff"sv), "00090af0ff");
  EXPECT_EQ(hex(""), "");
}

}  // namespace
}  // namespace openunison::crypto
