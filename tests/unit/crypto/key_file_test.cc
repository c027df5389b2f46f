// SPDX-License-Identifier: Apache-2.0
//
// Keys from PEM and PKCS#12.
#include <gtest/gtest.h>

#include "base/base64.h"
#include "crypto/error_queue.h"
#include "crypto/fixtures.h"
#include "crypto/key.h"

namespace openunison::crypto {
namespace {

template <class Key>
void expect_error(const Result<Key>& key, Errc code) {
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().is(code)) << key.error().message();
  EXPECT_TRUE(error_queue_is_empty());
}

std::string numbers_of(const PublicKey& key) {
  const PublicNumbers numbers = key.numbers();
  return numbers.n + numbers.x;
}

std::string der(std::string_view base64) {
  return base64_decode_loosely(base64).value();
}

TEST(KeyPem, PrivateKeyInEveryForm) {
  const std::string rsa = numbers_of(PrivateKey::from_pem(fixtures::kRsaPkcs8)->public_key());
  EXPECT_EQ(numbers_of(PrivateKey::from_pem(fixtures::kRsaPkcs1)->public_key()), rsa);
  EXPECT_EQ(numbers_of(PublicKey::from_pem(fixtures::kRsaPublic).value()), rsa);
  const std::string p256 = numbers_of(PrivateKey::from_pem(fixtures::kP256Pkcs8)->public_key());
  EXPECT_EQ(numbers_of(PrivateKey::from_pem(fixtures::kP256Sec1)->public_key()), p256);
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(KeyPem, TextAroundTheBlockDoesNotMatter) {
  const std::string text = "# the signing key\n" + std::string(fixtures::kP256Pkcs8) + "\nmore\n";
  EXPECT_TRUE(PrivateKey::from_pem(text));
}

TEST(KeyPem, WrittenPemIsPkcs8AndReadsBack) {
  for (const auto algorithm :
       {Algorithm::rs256, Algorithm::es256, Algorithm::es384, Algorithm::es512}) {
    const PrivateKey key = PrivateKey::generate(algorithm).value();
    const Secret pem = key.pem();
    EXPECT_TRUE(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const auto again = PrivateKey::from_pem(pem.reveal());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->public_key().verify(algorithm, "data", key.sign(algorithm, "data")));
  }
}

TEST(KeyPem, EncryptedKeyNeedsItsPassphrase) {
  const auto key = PrivateKey::from_pem(fixtures::kRsaEncrypted, Secret("correct horse"));
  ASSERT_TRUE(key);
  EXPECT_EQ(numbers_of(key->public_key()),
            numbers_of(PrivateKey::from_pem(fixtures::kRsaPkcs8)->public_key()));
  for (const Secret& wrong :
       {Secret(), Secret("wrong"), Secret("correct horse "), Secret(std::string(5000, 'x'))}) {
    expect_error(PrivateKey::from_pem(fixtures::kRsaEncrypted, wrong), Errc::wrong_passphrase);
  }
}

TEST(KeyPem, PassphraseForAPlainKeyIsNotNeeded) {
  EXPECT_TRUE(PrivateKey::from_pem(fixtures::kRsaPkcs8, Secret("x")));
}

TEST(KeyPem, RefusesWhatIsNoAcceptedPrivateKey) {
  struct {
    const char* what;
    std::string pem;
  } cases[] = {
      {"null", ""},
      {"text", "hello"},
      {"a public key", std::string(fixtures::kRsaPublic)},
      {"a certificate", std::string(fixtures::kCaCertificate)},
      {"cut off", std::string(fixtures::kRsaPkcs8.substr(0, 400))},
      {"no base64", "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n"},
      {"no DER", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
      {"RSA of 1024 bits", std::string(fixtures::kRsa1024)},
      {"Ed25519", std::string(fixtures::kEd25519)},
      {"another curve", std::string(fixtures::kSecp256k1)},
      {"a curve spelt out", std::string(fixtures::kP256Explicit)},
      {"EC halves of two keys", std::string(fixtures::kP256Mismatched)},
      {"RSA numbers that don't go together", std::string(fixtures::kRsaMismatched)},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    expect_error(PrivateKey::from_pem(test.pem), Errc::bad_key);
  }
  expect_error(PrivateKey::from_pem(std::string_view()), Errc::bad_key);
}

TEST(KeyPem, PublicKeyFromCertificate) {
  EXPECT_EQ(numbers_of(PublicKey::from_pem(fixtures::kCaCertificate).value()),
            numbers_of(PrivateKey::from_pem(fixtures::kP256Pkcs8)->public_key()));
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(KeyPem, RefusesWhatIsNoAcceptedPublicKey) {
  for (const std::string_view pem :
       {std::string_view(), std::string_view("text"), fixtures::kRsaPkcs8,
        fixtures::kP256ExplicitPublic, fixtures::kRsaPublic.substr(0, 200)}) {
    expect_error(PublicKey::from_pem(pem), Errc::bad_key);
  }
}

TEST(KeyPkcs12, OpensWithItsPassphrase) {
  const std::string rsa = numbers_of(PrivateKey::from_pem(fixtures::kRsaPkcs8)->public_key());
  const auto key = PrivateKey::from_pkcs12(der(fixtures::kPkcs12), Secret("correct horse"));
  ASSERT_TRUE(key);
  EXPECT_EQ(numbers_of(key->public_key()), rsa);
  const auto empty = PrivateKey::from_pkcs12(der(fixtures::kPkcs12EmptyPassphrase), Secret());
  ASSERT_TRUE(empty);
  EXPECT_EQ(numbers_of(empty->public_key()), rsa);
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(KeyPkcs12, CertificateUnderAnOldCipherDoesNotStandInTheWay) {
  EXPECT_TRUE(PrivateKey::from_pkcs12(der(fixtures::kPkcs12Legacy), Secret("changeit")));
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(KeyPkcs12, WrongPassphraseIsSaidSo) {
  for (const char* wrong : {"", "wrong", "correct hors", "correct horse "}) {
    expect_error(PrivateKey::from_pkcs12(der(fixtures::kPkcs12), Secret(wrong)),
                 Errc::wrong_passphrase);
  }
  expect_error(PrivateKey::from_pkcs12(der(fixtures::kPkcs12EmptyPassphrase), Secret("x")),
               Errc::wrong_passphrase);
}

TEST(KeyPkcs12, RefusesFilesWithoutExactlyOneKey) {
  expect_error(PrivateKey::from_pkcs12(der(fixtures::kPkcs12NoKey), Secret("x")), Errc::bad_key);
  const auto two = PrivateKey::from_pkcs12(der(fixtures::kPkcs12TwoKeys), Secret("changeit"));
  expect_error(two, Errc::bad_key);
  EXPECT_NE(two.error().message().find("2 private keys"), std::string::npos);
}

TEST(KeyPkcs12, RefusesFilesWithoutMac) {
  expect_error(PrivateKey::from_pkcs12(der(fixtures::kPkcs12NoMac), Secret("x")), Errc::bad_key);
}

TEST(KeyPkcs12, RefusesDamagedFiles) {
  const std::string whole = der(fixtures::kPkcs12);
  expect_error(PrivateKey::from_pkcs12({}, Secret("x")), Errc::bad_key);
  expect_error(PrivateKey::from_pkcs12("hello", Secret("x")), Errc::bad_key);
  expect_error(PrivateKey::from_pkcs12(fixtures::kRsaPkcs8, Secret("x")), Errc::bad_key);
  for (std::size_t size = 1; size < whole.size(); size += 97) {
    expect_error(PrivateKey::from_pkcs12(whole.substr(0, size), Secret("correct horse")),
                 Errc::bad_key);
  }
}

}  // namespace
}  // namespace openunison::crypto
