// SPDX-License-Identifier: Apache-2.0
#include "crypto/seal.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <thread>

#include "base/base64.h"
#include "crypto/error.h"
#include "crypto/error_queue.h"
#include "crypto/hash.h"

namespace openunison::crypto {
namespace {

// 32 bytes each: 'A' × 32, 'B' × 32.
const Secret kKeyA("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=");
const Secret kKeyB("QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=");

MasterKey master(const Secret& current = kKeyA, const Secret* previous = nullptr) {
  return MasterKey::create(current, previous).value();
}

void expect_refused(const Result<std::string>& opened) {
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(Errc::bad_seal));
  EXPECT_EQ(opened.error().message(), "not sealed by this server");  // the same for every reason
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(MasterKey, TakesBase64Of32BytesAndNothingElse) {
  for (const char* text : {"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
                           "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE",
                           "  QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\r\n"}) {
    EXPECT_TRUE(MasterKey::create(Secret(text))) << text;
  }
  for (const char* text :
       {"", "QUFB", "not base64 at all!",
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==",  // 31 bytes
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",  // 33 bytes
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF=",  // trailing bits
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    const auto key = MasterKey::create(Secret(text));
    ASSERT_FALSE(key) << text;
    EXPECT_TRUE(key.error().is(Errc::bad_key));
    EXPECT_EQ(
        key.error().message(),
        "OU_MASTER_KEY: it must be 32 bytes in base64; make one with: openssl rand -base64 32");
  }
}

TEST(MasterKey, ErrorNamesThePreviousKey) {
  const Secret bad("x");
  const auto key = MasterKey::create(kKeyA, &bad);
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().message().starts_with("OU_MASTER_KEY.previous: it must be"));
}

TEST(MasterKey, DerivesByHkdfCurrentFirst) {
  const auto keys = master(kKeyA, &kKeyB).derive("label");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].reveal(), hkdf_sha256(std::string(32, 'A'), {}, "openunison/label", 32));
  EXPECT_EQ(keys[1].reveal(), hkdf_sha256(std::string(32, 'B'), {}, "openunison/label", 32));
  EXPECT_NE(master().derive("other")[0].reveal(), keys[0].reveal());
}

TEST(Sealer, OpensWhatItSealed) {
  SystemRandom random;
  const Sealer sealer(master(), "test");
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 1000u, 100'000u}) {
    const std::string text = random.bytes(size);
    for (const std::string_view associated : {std::string_view(), std::string_view("context")}) {
      const std::string raw = sealer.seal_raw(text, random, associated);
      EXPECT_EQ(raw.size(), 12 + size + 16);
      EXPECT_EQ(sealer.open_raw(raw, associated), text);
      const std::string sealed = sealer.seal(text, random, associated);
      EXPECT_EQ(sealed.find_first_of("+/="), std::string::npos);
      EXPECT_EQ(sealer.open(sealed, associated), text);
    }
  }
}

// Checked against Python's cryptography: AESGCM(HKDF(b"A" * 32, info=b"openunison/seal/test")).
TEST(Sealer, IsAes256GcmUnderTheDerivedKey) {
  const Sealer sealer(master(), "test");
  EXPECT_EQ(sealer.open("AAECAwQFBgcICQoLvR6Wb-73JxfWva_Yt55BxLkNoJehUa4RFiM", "associated"),
            "plain text");
  EXPECT_EQ(sealer.open("AAECAwQFBgcICQoLQOsmsIfZEOZxW8_JjsiSag"), "");
}

TEST(Sealer, NoncesDiffer) {
  SystemRandom random;
  const Sealer sealer(master(), "test");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(sealer.seal_raw("same", random).substr(0, 12));
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Sealer, RefusesAChangeOfAnyBit) {
  SeededRandom random(1);
  const Sealer sealer(master(), "test");
  const std::string raw = sealer.seal_raw("some text of 26 characters", random, "associated");
  ASSERT_TRUE(sealer.open_raw(raw, "associated"));
  for (std::size_t at = 0; at < raw.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = raw;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      expect_refused(sealer.open_raw(changed, "associated"));
    }
  }
  EXPECT_TRUE(sealer.open_raw(raw, "associated"));  // a refusal spoils nothing
}

TEST(Sealer, RefusesEveryOtherSpellingOfTheText) {
  SeededRandom random(1);
  const Sealer sealer(master(), "test");
  const std::string sealed =
      sealer.seal("0123456789", random);  // 38 bytes: 2 spare bits at the end
  ASSERT_TRUE(sealer.open(sealed));
  std::string other = sealed;
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  other.back() = alphabet[alphabet.find(other.back()) ^ 1];
  expect_refused(sealer.open(other));
  for (const std::string& changed : {sealed + "=", sealed + "A", sealed + "\n", " " + sealed}) {
    expect_refused(sealer.open(changed));
  }
}

TEST(Sealer, RefusesEveryTruncationAndExtension) {
  SeededRandom random(1);
  const Sealer sealer(master(), "test");
  const std::string raw = sealer.seal_raw("text", random);
  for (std::size_t size = 0; size < raw.size(); ++size) {
    expect_refused(sealer.open_raw(raw.substr(0, size)));
    expect_refused(sealer.open(base64url_encode(raw.substr(0, size))));
  }
  expect_refused(sealer.open_raw(raw + '\0'));
}

TEST(Sealer, RefusesAnotherPurposeKeyOrAssociatedText) {
  SeededRandom random(1);
  const Sealer sealer(master(), "cookie");
  const std::string sealed = sealer.seal("text", random, "a");
  expect_refused(Sealer(master(), "code").open(sealed, "a"));
  expect_refused(Sealer(master(kKeyB), "cookie").open(sealed, "a"));
  expect_refused(sealer.open(sealed, "b"));
  expect_refused(sealer.open(sealed));
  expect_refused(sealer.open(sealer.seal("text", random), "a"));
  EXPECT_TRUE(sealer.open(sealed, "a"));
}

TEST(Sealer, PreviousKeyOpensAndNeverSeals) {
  SeededRandom random(1);
  const std::string old = Sealer(master(kKeyA), "p").seal("old", random);
  const Sealer both(master(kKeyB, &kKeyA), "p");
  EXPECT_EQ(both.open(old), "old");
  const std::string fresh = both.seal("fresh", random);
  EXPECT_EQ(Sealer(master(kKeyB), "p").open(fresh), "fresh");
  expect_refused(Sealer(master(kKeyA), "p").open(fresh));
  expect_refused(Sealer(master(kKeyB), "p").open(old));  // the old key has been removed
}

TEST(Sealer, WorksOnManyThreadsAtOnce) {
  const Sealer sealer(master(), "test");
  std::array<std::jthread, 4> threads;
  for (auto& thread : threads) {
    thread = std::jthread([&sealer] {
      SystemRandom random;
      for (int i = 0; i < 500; ++i) {
        const std::string text = random.bytes(50);
        EXPECT_EQ(sealer.open(sealer.seal(text, random)), text);
      }
    });
  }
}

}  // namespace
}  // namespace openunison::crypto
