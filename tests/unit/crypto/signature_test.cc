// SPDX-License-Identifier: Apache-2.0
//
// Signatures: the RFC's examples, every algorithm with every kind of key, and forgeries.
#include <gtest/gtest.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <array>
#include <map>
#include <thread>
#include <vector>

#include "base/base64.h"
#include "base/check.h"
#include "crypto/error_queue.h"
#include "crypto/fixtures.h"
#include "crypto/hash.h"
#include "crypto/key.h"

namespace openunison::crypto {
namespace {

constexpr std::array kAll{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                          Algorithm::ps256, Algorithm::ps384, Algorithm::ps512,
                          Algorithm::es256, Algorithm::es384, Algorithm::es512};

std::string decoded(std::string_view text) {
  return base64url_decode(text).value();
}

void expect_refused(const Result<void>& verified, Errc code = Errc::bad_signature) {
  ASSERT_FALSE(verified);
  EXPECT_TRUE(verified.error().is(code)) << verified.error().message();
  EXPECT_TRUE(error_queue_is_empty());
}

// One of each kind; generated once, since RSA takes its time.
const PrivateKey& key_for(Algorithm algorithm) {
  static const std::map<KeyKind, PrivateKey> keys = [] {
    std::map<KeyKind, PrivateKey> made;
    for (const auto a : {Algorithm::rs256, Algorithm::es256, Algorithm::es384, Algorithm::es512}) {
      const PrivateKey key = PrivateKey::generate(a).value();
      made.emplace(key.kind(), key);
    }
    return made;
  }();
  for (const auto& [kind, key] : keys) {
    if (key.fits(algorithm)) return key;
  }
  CHECK(false);
  __builtin_unreachable();
}

// The input of RFC 7515 appendices A.2 and A.3 after the header.
constexpr std::string_view kPayload =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

TEST(Signature, Rfc7515AppendixA2Rs256) {
  const std::string input = "eyJhbGciOiJSUzI1NiJ9" + std::string(kPayload);
  const std::string signature = decoded(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0i"
      "gcN_IoypGlUPQGe77Rw");
  const PrivateKey key = PrivateKey::from_pem(fixtures::kRsaPkcs8).value();
  EXPECT_EQ(key.sign(Algorithm::rs256, input), signature);  // PKCS#1 v1.5 isn't randomised
  EXPECT_TRUE(key.public_key().verify(Algorithm::rs256, input, signature));
}

TEST(Signature, Rfc7515AppendixA3Es256) {
  const auto key = PublicKey::create({.kind = KeyKind::p256,
                                      .n = {},
                                      .e = {},
                                      .x = decoded("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                      .y = decoded("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")});
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify(Algorithm::es256, "eyJhbGciOiJFUzI1NiJ9" + std::string(kPayload),
                          decoded("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
                                  "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")));
}

TEST(Signature, Rfc7515AppendixA4Es512) {
  const auto key = PublicKey::create({.kind = KeyKind::p521,
                                      .n = {},
                                      .e = {},
                                      .x = decoded("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBp"
                                                   "Xp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"),
                                      .y = decoded("ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-"
                                                   "x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2")});
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify(
      Algorithm::es512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
      decoded("AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
              "7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXo"
              "lLzeO_Jn")));
}

// Made by Python's cryptography with the key of A.2: PSS with MGF1 of the same digest.
TEST(Signature, PssHasASaltOfTheDigestsLength) {
  const PublicKey key = PrivateKey::from_pem(fixtures::kRsaPkcs8)->public_key();
  EXPECT_TRUE(key.verify(
      Algorithm::ps256, "data",
      decoded(
          "m7W24EWj5UUnhMdgrp38XJeCFa7bklBJqx85TqKyTw8bgYWXrE8U1S1oC_"
          "kJUbeEiaRORmJOR9HeQDlSelSMDwXg4W-"
          "qafychOFAi5iXuKEdfHwZisSSdV0UDES3yv2hJKTQiBKziCcnxqLPjdwwJM0VDeLjMRAxOjEqpcaO3rVdG3rakT2"
          "roMwq_XiOLi-VvnGjG36z8ENro8fQu8qaksc4bnLsRVr_WuYoFp_U8DHeGKNVFqTJ_dmGD3Dzg6qmbppOG-"
          "ymF2UAsRNbjpjWb_Clvm3DzwgIhLjwVCv55mu7adV0WRby8bewduGdqI6AF6Mx5kdhuHp2VQyGeHH4UA")));
  EXPECT_TRUE(
      key.verify(Algorithm::ps384, "data",
                 decoded("gWy-MKbgsYUIsyFXMDLgEWZH2gIUoHM6gGeBYGfqHoIucVCGM1fCIx88OflZeZOnAv-"
                         "yQDZfiCNGz8FfcjlPUdjhm2E80JLvpQpqSbL-"
                         "jRfQKZxuszUgonvZYXC5PQDEWoWHvqmTpm8ibdaxAkSSSMYWVYDvXg0ORop8pNi8aJIcqiJRZ"
                         "Q4jUEEa2Brz5Uqpt23GAA9Rv0bEhTOXUHT18fc29JO4-hw4lqYrMMfCkhfpgUNDnh2S-"
                         "TQk7x5GaQeJrKM3anhkpI1aUhV5ZQnhhCnByGpNLYbKnIoOmuNtLbBaaxk8hbirVua9yvC6HQ"
                         "vw1l4xzWiSGKobkM0uuE6q5Q")));
  EXPECT_TRUE(key.verify(
      Algorithm::ps512, "data",
      decoded("nIDCB0lzGb0XDaLc3aE_8Hwpp3qr3quNPKxhiu2FUBof6kEAJ_"
              "BxrDX581AWWFDcnwgyYsoezDES0Nvi1lSb0YEgM8wGopD6MZlcQEbmehj0qzi6rHA9oatpouZfEr4ByAK2Gj"
              "VDqBhYgObu46eTtDglgHVT2wcqJPEOYniex63JeegD9Yd4khpQW7xHRg5xBTq9g1-RR6T5Da80VVbW8_"
              "pjarar3CLEgFXp3Iyqf1i-N6b5BT2AF_KVlFFsYieDFlTNNE9fzC_PL9mh8GI3-"
              "DNtEtrgQXInmMLPkmLb2DJrM2G2RuhAUCrukstwrfaKD_Rak_foidcLgcrVqkx9TQ")));
  expect_refused(key.verify(
      Algorithm::ps256, "data",
      decoded(
          "MpWyXZvlcAYubEy9pWECr_zHc2ZSM0IEhS-QHxF8fBFurhNaw1SIwr_xDd2NQGEMwj4_"
          "x5bRqZNZLb8bDfzVqka8oWRQahsbnOkLL3t9Jh0AhmHhnbT6EFbwLVZyaWpIl20oVvQJ_WacCJP9u8HLo1eHoK-"
          "XB_-cWaS5WuDrbriv_SL-p88CzW8FzwwIE8tFFYSuRPIGxuawA8X7OEA59_hK8e3b7dVZD8ji_ZYhUYDNb-_"
          "elZfD8X1an4oNKuC6lFFyC3hwtdzzd1PKRnS2OqY90f56yUG0zEtQB8E2lwW1fkXOjvcMI3MHwwlWXCl8op6YdRm"
          "viKv5bbkWNS493g")));
  expect_refused(key.verify(
      Algorithm::ps256, "data",
      decoded("IGMUTRuD34IqVB5hlUUk9EPvXCVSWg4FGzjvb7JylZFwrodKpbXBQlyMzUlbISv90FmetUbHO2ZND_"
              "FoXM2zOMCQcH-wvGs6Vuootb7-IQiFSnUkVD5i7_"
              "oH3RAR2x9BcMVXo2XIoS3tAScFtCRoBD8nnNITMPxLStMdRbuoPg-OMJzQclY0thfg5xGNvuEIXxMX_5_"
              "z7UXsYzgI1VKa799oiZMtrYJZqzuWTuI3pzA8Y64HHJw2MqiR4XgVpQC2jsw2QZ4VhHatwXVL6NloooPE-"
              "gCtllsPunEhBm4SWinfQh2q8DemRyUbv2L_br7Xi4wjTT11k_xrEGE712UEww")));
}

TEST(Algorithm, NamesAreRfc7518sAndExact) {
  const char* names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                         "PS512", "ES256", "ES384", "ES512"};
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(name(kAll[i]), names[i]);
    EXPECT_EQ(parse_algorithm(names[i]), kAll[i]);
  }
  for (const std::string_view text : {"", "none", "None", "HS256", "EdDSA", "ES256K", "rs256",
                                      "RS256 ", " RS256", "RS1", "RS2567", "RS25"}) {
    const auto parsed = parse_algorithm(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().is(Errc::bad_key));
  }
}

struct SizeCase {
  Algorithm algorithm;
  std::size_t size;
};

TEST(Signature, HasItsFixedSizeAndVerifies) {
  const SizeCase cases[] = {
      {Algorithm::rs256, 256}, {Algorithm::rs384, 256}, {Algorithm::rs512, 256},
      {Algorithm::ps256, 256}, {Algorithm::ps384, 256}, {Algorithm::ps512, 256},
      {Algorithm::es256, 64},  {Algorithm::es384, 96},  {Algorithm::es512, 132}};
  for (const auto& [algorithm, size] : cases) {
    const PrivateKey& key = key_for(algorithm);
    for (const std::string& data :
         {std::string(), std::string("data"), std::string(100'000, 'x')}) {
      const std::string signature = key.sign(algorithm, data);
      EXPECT_EQ(signature.size(), size) << name(algorithm);
      EXPECT_TRUE(key.public_key().verify(algorithm, data, signature)) << name(algorithm);
      EXPECT_TRUE(key.public_key().verify(algorithm, std::string_view(data), signature));
      expect_refused(key.public_key().verify(algorithm, data + "x", signature));
    }
  }
}

// r and s are padded to the field's size, also where they begin with zeros: one in 128 signatures.
TEST(Signature, EcdsaNumbersWithLeadingZerosKeepTheirPlace) {
  const PrivateKey& key = key_for(Algorithm::es256);
  int leading_zeros = 0;
  for (int i = 0; i < 20'000 && leading_zeros < 3; ++i) {
    const std::string data = std::to_string(i);
    const std::string signature = key.sign(Algorithm::es256, data);
    ASSERT_EQ(signature.size(), 64u);
    if (signature[0] != '\0' && signature[32] != '\0') continue;
    ++leading_zeros;
    EXPECT_TRUE(key.public_key().verify(Algorithm::es256, data, signature));
  }
  EXPECT_EQ(leading_zeros, 3);
}

TEST(Signature, RefusesEveryChangedByteOfTheSignature) {
  for (const auto algorithm : kAll) {
    const PrivateKey& key = key_for(algorithm);
    const std::string signature = key.sign(algorithm, "data");
    for (std::size_t at = 0; at < signature.size(); ++at) {
      std::string changed = signature;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      expect_refused(key.public_key().verify(algorithm, "data", changed));
    }
  }
}

TEST(Signature, RefusesEveryOtherLength) {
  for (const auto algorithm : kAll) {
    const PrivateKey& key = key_for(algorithm);
    const std::string signature = key.sign(algorithm, "data");
    for (const std::string& changed :
         {std::string(), std::string(1, '\0'), signature.substr(1),
          signature.substr(0, signature.size() - 1), '\0' + signature, signature + '\0',
          signature + signature, std::string(5000, 'x')}) {
      expect_refused(key.public_key().verify(algorithm, "data", changed));
    }
  }
}

// RFC 8017 §8.1.2: the signature has the length of the modulus, leading zeros included.
TEST(Signature, RefusesRsaSignaturesThatLackTheirLeadingZero) {
  const PrivateKey& key = key_for(Algorithm::ps256);
  for (const auto algorithm : {Algorithm::ps256, Algorithm::rs256}) {
    for (int i = 0;; ++i) {
      ASSERT_LT(i, 20'000);
      const std::string data = std::to_string(i);
      const std::string signature = key.sign(algorithm, data);
      if (signature[0] != '\0') continue;
      EXPECT_TRUE(key.public_key().verify(algorithm, data, signature));
      expect_refused(key.public_key().verify(algorithm, data, signature.substr(1)));
      break;
    }
  }
}

TEST(Signature, RefusesEcdsaInDer) {
  for (const auto algorithm : {Algorithm::es256, Algorithm::es384, Algorithm::es512}) {
    const PrivateKey& key = key_for(algorithm);
    const std::string raw = key.sign(algorithm, "data");
    const std::size_t half = raw.size() / 2;
    const auto* numbers = reinterpret_cast<const unsigned char*>(raw.data());
    ECDSA_SIG* signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(numbers, static_cast<int>(half), nullptr),
                   BN_bin2bn(numbers + half, static_cast<int>(half), nullptr));
    std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(signature, nullptr)), '\0');
    auto* at = reinterpret_cast<unsigned char*>(der.data());
    i2d_ECDSA_SIG(signature, &at);
    ECDSA_SIG_free(signature);
    expect_refused(key.public_key().verify(algorithm, "data", der));
    der.resize(raw.size());  // also at the right length
    expect_refused(key.public_key().verify(algorithm, "data", der));
  }
}

// CVE-2022-21449: r = s = 0 satisfied a verifier that did not look.
TEST(Signature, RefusesEcdsaNumbersOfZeroOrOfTheGroupsOrderAndMore) {
  const std::string order = std::string(
      "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
      "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
      32);
  const std::string zero(32, '\0'), most(32, '\xff'), one = std::string(31, '\0') + '\1';
  const PrivateKey& key = key_for(Algorithm::es256);
  const std::string good = key.sign(Algorithm::es256, "data");
  const std::string r = good.substr(0, 32), s = good.substr(32);
  for (const std::string& forged : {zero + zero, r + zero, zero + s, order + order, order + s,
                                    r + order, most + most, one + one}) {
    expect_refused(key.public_key().verify(Algorithm::es256, "data", forged));
  }
  for (const auto algorithm : {Algorithm::es384, Algorithm::es512}) {
    const std::size_t size = algorithm == Algorithm::es384 ? 96 : 132;
    expect_refused(
        key_for(algorithm).public_key().verify(algorithm, "data", std::string(size, '\0')));
  }
}

TEST(Signature, AlgorithmMustFitTheKey) {
  for (const auto algorithm : kAll) {
    const PrivateKey& key = key_for(algorithm);
    for (const auto other : kAll) {
      const bool same_kind =
          (key.kind() == KeyKind::rsa) ? other <= Algorithm::ps512 : other == algorithm;
      EXPECT_EQ(key.fits(other), same_kind);
      EXPECT_EQ(key.public_key().fits(other), same_kind);
      if (same_kind) continue;
      const auto verified = key.public_key().verify(other, "data", key.sign(algorithm, "data"));
      expect_refused(verified, Errc::bad_key);
    }
  }
}

TEST(SignatureDeathTest, SigningWithAnAlgorithmThatDoesNotFitIsABug) {
  const PrivateKey& key = key_for(Algorithm::es256);
  EXPECT_DEATH(key.sign(Algorithm::rs256, "data"), "CHECK failed: fits");
}

TEST(Signature, IsOfItsAlgorithmOnly) {
  const PrivateKey& key = key_for(Algorithm::rs256);
  for (const auto made : kAll) {
    if (!key.fits(made)) continue;
    const std::string signature = key.sign(made, "data");
    for (const auto other : kAll) {
      if (!key.fits(other) || other == made) continue;
      expect_refused(key.public_key().verify(other, "data", signature));
    }
  }
}

TEST(Signature, IsOfItsKeyOnly) {
  for (const auto algorithm : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256}) {
    const PrivateKey other = PrivateKey::generate(algorithm).value();
    expect_refused(
        other.public_key().verify(algorithm, "data", key_for(algorithm).sign(algorithm, "data")));
  }
}

TEST(Signature, RandomisedAlgorithmsDiffer) {
  for (const auto algorithm : {Algorithm::ps256, Algorithm::es256}) {
    EXPECT_NE(key_for(algorithm).sign(algorithm, "data"),
              key_for(algorithm).sign(algorithm, "data"));
  }
}

TEST(Signature, OneKeyServesManyThreads) {
  for (const auto algorithm : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256}) {
    const PrivateKey& key = key_for(algorithm);
    const PublicKey public_key = key.public_key();
    std::array<std::jthread, 4> threads;
    for (auto& thread : threads) {
      thread = std::jthread([&, algorithm] {
        for (int i = 0; i < 20; ++i) {
          const std::string data = std::to_string(i);
          const std::string signature = key.sign(algorithm, data);
          EXPECT_TRUE(public_key.verify(algorithm, data, signature));
          EXPECT_FALSE(public_key.verify(algorithm, data + "x", signature));
        }
      });
    }
  }
}

}  // namespace
}  // namespace openunison::crypto
