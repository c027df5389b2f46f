// SPDX-License-Identifier: Apache-2.0
//
// Which keys are accepted, from numbers and when generated.
#include "crypto/key.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "crypto/error_queue.h"
#include "crypto/fixtures.h"

namespace openunison::crypto {
namespace {

const PublicNumbers& rsa_numbers() {
  static const PublicNumbers numbers =
      PrivateKey::from_pem(fixtures::kRsaPkcs8)->public_key().numbers();
  return numbers;
}
const PublicNumbers& p256_numbers() {
  static const PublicNumbers numbers =
      PrivateKey::from_pem(fixtures::kP256Pkcs8)->public_key().numbers();
  return numbers;
}

template <class Key>
void expect_bad_key(const Result<Key>& key) {
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().is(Errc::bad_key)) << key.error().message();
  EXPECT_FALSE(key.error().message().empty());
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(PublicKey, NumbersAreThoseOfRfc7515) {
  EXPECT_EQ(rsa_numbers().kind, KeyKind::rsa);
  EXPECT_EQ(rsa_numbers().n.size(), 256u);
  EXPECT_TRUE(
      base64url_encode(rsa_numbers().n).starts_with("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQ"));
  EXPECT_EQ(base64url_encode(rsa_numbers().e), "AQAB");
  EXPECT_EQ(p256_numbers().kind, KeyKind::p256);
  EXPECT_EQ(base64url_encode(p256_numbers().x), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  EXPECT_EQ(base64url_encode(p256_numbers().y), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
}

TEST(PublicKey, NumbersMakeTheSameKeyAgain) {
  for (const auto algorithm :
       {Algorithm::rs256, Algorithm::es256, Algorithm::es384, Algorithm::es512}) {
    const PrivateKey key = PrivateKey::generate(algorithm).value();
    const auto again = PublicKey::create(key.public_key().numbers());
    ASSERT_TRUE(again) << name(algorithm);
    EXPECT_EQ(again->kind(), key.kind());
    EXPECT_TRUE(again->verify(algorithm, "data", key.sign(algorithm, "data")));
  }
}

// Coordinates that begin with a zero byte: one point in 128.
TEST(PublicKey, EcCoordinatesArePaddedToTheField) {
  bool seen = false;
  for (int i = 0; i < 20'000 && !seen; ++i) {
    const PublicNumbers numbers = PrivateKey::generate(Algorithm::es256)->public_key().numbers();
    ASSERT_EQ(numbers.x.size(), 32u);
    ASSERT_EQ(numbers.y.size(), 32u);
    seen = numbers.x[0] == '\0';
    if (seen) {
      EXPECT_TRUE(PublicKey::create(numbers));
    }
  }
  EXPECT_TRUE(seen);
}

TEST(PublicKey, LeadingZerosOfRsaNumbersDoNotMatter) {
  PublicNumbers numbers = rsa_numbers();
  numbers.n.insert(0, 1, '\0');
  numbers.e.insert(0, 1, '\0');
  const auto key = PublicKey::create(numbers);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->numbers().n, rsa_numbers().n);
  EXPECT_EQ(key->numbers().e, rsa_numbers().e);
}

TEST(PublicKey, RefusesRsaNumbersOfWrongSizeOrForm) {
  using namespace std::string_literals;
  const std::string n = rsa_numbers().n;
  std::string even = n;
  even.back() = static_cast<char>(even.back() ^ 1);
  std::string short_by_a_bit = n;
  short_by_a_bit[0] = 0x7f;
  struct {
    const char* what;
    std::string n, e;
  } cases[] = {
      {"no modulus", "", "\x01\x00\x01"s},
      {"modulus zero", std::string(256, '\0'), "\x01\x00\x01"s},
      {"modulus one", "\1", "\x01\x00\x01"s},
      {"even modulus", even, "\x01\x00\x01"s},
      {"2047 bits", short_by_a_bit, "\x01\x00\x01"s},
      {"1024 bits", n.substr(128), "\x01\x00\x01"s},
      {"8200 bits", "\x80" + std::string(1023, '\0') + "\1", "\x01\x00\x01"s},
      {"8193 bits", "\1" + std::string(1023, '\0') + "\1", "\x01\x00\x01"s},
      {"a megabyte", std::string(1'000'000, '\xff'), "\x01\x00\x01"s},
      {"no exponent", n, ""},
      {"exponent zero", n, "\0"s},
      {"exponent one", n, "\1"},
      {"exponent two", n, "\2"},
      {"even exponent", n, "\x01\x00\x00"s},
      {"exponent of 65 bits", n, "\1\0\0\0\0\0\0\0\1"s},
      {"exponent as long as the modulus", n, n},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    const auto key =
        PublicKey::create({.kind = KeyKind::rsa, .n = test.n, .e = test.e, .x = {}, .y = {}});
    expect_bad_key(key);
    const bool about_the_exponent = test.n == n;
    EXPECT_EQ(key.error().message().find("exponent") != std::string::npos, about_the_exponent);
  }
}

TEST(PublicKey, TakesTheSmallestExponentThatIsAllowed) {
  PublicNumbers numbers = rsa_numbers();
  numbers.e = "\3";
  EXPECT_TRUE(PublicKey::create(numbers));
}

TEST(PublicKey, RefusesPointsThatAreNotOnTheCurve) {
  const PublicNumbers good = p256_numbers();
  const auto with = [&](std::string x, std::string y) {
    return PublicKey::create(
        {.kind = KeyKind::p256, .n = {}, .e = {}, .x = std::move(x), .y = std::move(y)});
  };
  ASSERT_TRUE(with(good.x, good.y));
  std::string off = good.y;
  off.back() = static_cast<char>(off.back() ^ 1);
  expect_bad_key(with(good.x, off));
  expect_bad_key(with(good.y, good.x));
  expect_bad_key(with(std::string(32, '\0'), std::string(32, '\0')));
  expect_bad_key(with(std::string(32, '\xff'), std::string(32, '\xff')));
  expect_bad_key(with("", ""));
  expect_bad_key(with(good.x, good.y.substr(1)));
  expect_bad_key(with('\0' + good.x, good.y));
  expect_bad_key(with(good.x, ""));
  expect_bad_key(with(good.x.substr(0, 31), good.x.substr(31) + good.y));  // the right sum
  // A point of P-256 is none of P-384.
  expect_bad_key(
      PublicKey::create({.kind = KeyKind::p384, .n = {}, .e = {}, .x = good.x, .y = good.y}));
  expect_bad_key(PublicKey::create({.kind = KeyKind::p384,
                                    .n = {},
                                    .e = {},
                                    .x = std::string(16, '\0') + good.x,
                                    .y = std::string(16, '\0') + good.y}));
}

TEST(PrivateKey, GeneratesTheSizeAsked) {
  EXPECT_EQ(PrivateKey::generate(Algorithm::rs256)->public_key().numbers().n.size(), 256u);
  EXPECT_EQ(PrivateKey::generate(Algorithm::ps512, 3072)->public_key().numbers().n.size(), 384u);
  for (const unsigned bits : {0u, 512u, 1024u, 2047u, 8193u, 1'000'000u}) {
    expect_bad_key(PrivateKey::generate(Algorithm::rs256, bits));
  }
}

TEST(PrivateKey, GeneratedKeysDiffer) {
  EXPECT_NE(PrivateKey::generate(Algorithm::es256)->public_key().numbers().x,
            PrivateKey::generate(Algorithm::es256)->public_key().numbers().x);
}

TEST(PrivateKey, PublicHalfOutlivesIt) {
  auto key = std::make_unique<PrivateKey>(PrivateKey::generate(Algorithm::es256).value());
  const std::string signature = key->sign(Algorithm::es256, "data");
  const PublicKey public_key = key->public_key();
  key.reset();
  EXPECT_TRUE(public_key.verify(Algorithm::es256, "data", signature));
}

}  // namespace
}  // namespace openunison::crypto
