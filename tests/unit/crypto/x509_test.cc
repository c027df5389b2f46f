// SPDX-License-Identifier: Apache-2.0
#include "crypto/x509.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/error.h"
#include "crypto/error_queue.h"
#include "crypto/fixtures.h"

namespace openunison::crypto {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

void expect_refused(std::string_view pem, std::string_view message) {
  const auto read = read_certificates(pem);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().is(Errc::bad_certificate));
  EXPECT_EQ(read.error().message(), message);
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(X509, ReadsABundleInOrder) {
  const auto all = read_certificates("leaf:\n" + std::string(fixtures::kLeafCertificate) + "CA:\n" +
                                     std::string(fixtures::kCaCertificate) + "end\n");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  const CertificateInfo& leaf = all->at(0);
  EXPECT_EQ(leaf.subject, "CN=portal");
  EXPECT_THAT(leaf.names,
              ElementsAre("portal.example.com", "*.apps.example.com", "192.0.2.7", "2001:db8::1"));
  EXPECT_EQ(rfc3339(leaf.not_before), "2026-01-02T03:04:05Z");
  EXPECT_EQ(rfc3339(leaf.not_after), "2051-06-07T08:09:10Z");
  EXPECT_FALSE(leaf.is_ca);
  const CertificateInfo& ca = all->at(1);
  EXPECT_EQ(ca.subject, "CN=Demo CA,O=Ex\\C3\\A4mple\\, Inc.");
  EXPECT_THAT(ca.names, IsEmpty());
  EXPECT_EQ(ca.sha256_fingerprint, fixtures::kCaFingerprint);
  EXPECT_TRUE(ca.is_ca);
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(X509, OtherBlocksAreSkipped) {
  const auto all =
      read_certificates(std::string(fixtures::kP256Pkcs8) + std::string(fixtures::kCaCertificate) +
                        std::string(fixtures::kRsaPublic));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 1u);
}

TEST(X509, NamesThatCouldDeceiveAreEscapedOrLeftOut) {
  const auto all = read_certificates(fixtures::kOddNamesCertificate);
  ASSERT_TRUE(all);
  EXPECT_THAT(all->at(0).names, ElementsAre("a.example\\00\\1b[2J\\5cb"));
}

TEST(X509, MalformedAlternativeNamesAreNone) {
  const auto all = read_certificates(fixtures::kBadNamesCertificate);
  ASSERT_TRUE(all);
  EXPECT_THAT(all->at(0).names, IsEmpty());
  EXPECT_TRUE(error_queue_is_empty());
}

TEST(X509, RefusesTextWithoutCertificate) {
  expect_refused({}, "there is no certificate in PEM form");
  expect_refused("hello", "there is no certificate in PEM form");
  expect_refused(fixtures::kP256Pkcs8, "there is no certificate in PEM form");
}

TEST(X509, ErrorSaysWhichCertificateIsBad) {
  const std::string good(fixtures::kCaCertificate);
  expect_refused(fixtures::kBadTimeCertificate, "certificate 1 can't be read");
  expect_refused(good + std::string(fixtures::kBadTimeCertificate), "certificate 2 can't be read");
  expect_refused(good + good.substr(0, good.size() / 2), "certificate 2 can't be read");
  expect_refused(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                 "certificate 2 can't be read");
  expect_refused("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                 "certificate 1 can't be read");
}

}  // namespace
}  // namespace openunison::crypto
