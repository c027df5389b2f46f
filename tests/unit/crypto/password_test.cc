// SPDX-License-Identifier: Apache-2.0
#include "crypto/password.h"

#include <gtest/gtest.h>

#include "crypto/error.h"

namespace openunison::crypto {
namespace {

constexpr Argon2Cost kCheap{.memory_kib = 64, .iterations = 1, .lanes = 1};

// From the test program of argon2's reference implementation (version 0x13, argon2id).
TEST(Password, ReferenceVectors) {
  for (const char* encoded :
       {"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"}) {
    EXPECT_EQ(verify_password(Secret("password"), encoded), true) << encoded;
    EXPECT_EQ(verify_password(Secret("passwore"), encoded), false) << encoded;
    EXPECT_TRUE(check_password_hash(encoded)) << encoded;
  }
}

TEST(Password, HashVerifiesAndIsSaltedAnew) {
  SeededRandom random(1);
  const std::string one = hash_password(Secret("secret"), random, kCheap);
  const std::string two = hash_password(Secret("secret"), random, kCheap);
  EXPECT_NE(one, two);
  EXPECT_TRUE(one.starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << one;
  for (const auto& encoded : {one, two}) {
    EXPECT_TRUE(check_password_hash(encoded));
    EXPECT_EQ(verify_password(Secret("secret"), encoded), true);
    for (const char* wrong : {"", "Secret", "secret ", "secre"}) {
      EXPECT_EQ(verify_password(Secret(wrong), encoded), false) << wrong;
    }
  }
}

TEST(Password, DefaultCostIsOwasps) {
  SeededRandom random(1);
  const std::string encoded = hash_password(Secret("x"), random);
  EXPECT_TRUE(encoded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << encoded;
}

TEST(Password, BytesAfterANulCount) {
  SeededRandom random(1);
  const std::string encoded = hash_password(Secret(std::string("a\0b", 3)), random, kCheap);
  EXPECT_EQ(verify_password(Secret(std::string("a\0b", 3)), encoded), true);
  EXPECT_EQ(verify_password(Secret(std::string("a\0c", 3)), encoded), false);
  EXPECT_EQ(verify_password(Secret("a"), encoded), false);
}

constexpr const char* kSalt = "c29tZXNhbHQ";
constexpr const char* kHash = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

std::string phc(std::string_view head, std::string_view salt = kSalt,
                std::string_view hash = kHash) {
  return std::string(head) + "$" + std::string(salt) + "$" + std::string(hash);
}

TEST(Password, RefusesWhatIsNoArgon2idPhcStringOfSaneCost) {
  ASSERT_TRUE(check_password_hash(phc("$argon2id$v=19$m=256,t=2,p=1")));
  const std::string cases[] = {
      "",
      "secret",
      "$2b$12$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      phc("$argon2i$v=19$m=256,t=2,p=1"),
      phc("$argon2d$v=19$m=256,t=2,p=1"),
      phc("$argon2id$v=16$m=256,t=2,p=1"),
      phc("$argon2id$m=256,t=2,p=1"),
      phc("argon2id$v=19$m=256,t=2,p=1"),
      phc(" $argon2id$v=19$m=256,t=2,p=1"),
      // numbers
      phc("$argon2id$v=19$m=0256,t=2,p=1"),
      phc("$argon2id$v=19$m=+256,t=2,p=1"),
      phc("$argon2id$v=19$m=-256,t=2,p=1"),
      phc("$argon2id$v=19$m= 256,t=2,p=1"),
      phc("$argon2id$v=19$m=256 ,t=2,p=1"),
      phc("$argon2id$v=19$m=0x100,t=2,p=1"),
      phc("$argon2id$v=19$m=,t=2,p=1"),
      phc("$argon2id$v=19$m=256,t=0,p=1"),
      phc("$argon2id$v=19$m=256,t=2,p=0"),
      phc("$argon2id$v=19$t=2,m=256,p=1"),
      phc("$argon2id$v=19$m=256,t=2"),
      phc("$argon2id$v=19$m=256,t=2,p=1,keyid=Zm9v"),
      // cost out of bounds
      phc("$argon2id$v=19$m=7,t=2,p=1"),     // m < 8 p
      phc("$argon2id$v=19$m=127,t=2,p=16"),  // m < 8 p
      phc("$argon2id$v=19$m=1048577,t=2,p=1"),
      phc("$argon2id$v=19$m=256,t=65,p=1"),
      phc("$argon2id$v=19$m=256,t=2,p=17"),
      phc("$argon2id$v=19$m=4294967552,t=2,p=1"),            // 256 modulo 2^32
      phc("$argon2id$v=19$m=18446744073709551872,t=2,p=1"),  // 256 modulo 2^64
      // salt and hash
      phc("$argon2id$v=19$m=256,t=2,p=1", ""),
      phc("$argon2id$v=19$m=256,t=2,p=1", "c2FsdA"),  // 4 bytes
      phc("$argon2id$v=19$m=256,t=2,p=1", "c29tZXNhbHQ="),
      phc("$argon2id$v=19$m=256,t=2,p=1", "c29tZXNhbHR"),         // trailing bits
      phc("$argon2id$v=19$m=256,t=2,p=1", std::string(88, 'A')),  // 66 bytes
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, ""),
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, "AAAAAAAA"),  // 6 bytes: guessed by chance
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, std::string(88, 'A')),
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, std::string(kHash) + "$"),
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, std::string(kHash) + "\n"),
      phc("$argon2id$v=19$m=256,t=2,p=1", kSalt, "nf65EOgLrQMR_uIPnA4rEsF5h7TKyQwu9U1bMCHGi_4"),
      std::string("$argon2id$v=19$m=256,t=2,p=1$") + kSalt,
      phc("$argon2id$v=19$m=256,t=2,p=1") + std::string(1, '\0'),
  };
  for (const auto& encoded : cases) {
    const auto checked = check_password_hash(encoded);
    ASSERT_FALSE(checked) << encoded;
    EXPECT_TRUE(checked.error().is(Errc::bad_password_hash));
    const auto verified = verify_password(Secret("password"), encoded);
    ASSERT_FALSE(verified) << encoded;
    EXPECT_TRUE(verified.error().is(Errc::bad_password_hash));
  }
}

TEST(Password, BoundsThemselvesAreAccepted) {
  for (const char* head : {"$argon2id$v=19$m=8,t=1,p=1", "$argon2id$v=19$m=128,t=64,p=16",
                           "$argon2id$v=19$m=1048576,t=1,p=1"}) {
    EXPECT_TRUE(check_password_hash(phc(head))) << head;  // parsed only: the last takes 1 GiB
  }
}

TEST(Password, ErrorNeverRepeatsTheHash) {
  const auto checked = check_password_hash("hunter2");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace openunison::crypto
