// SPDX-License-Identifier: Apache-2.0
#include "crypto/x509.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <optional>

#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

using AlternativeNamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

std::optional<WallTime> time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return std::nullopt;
  return from_unix_seconds(timegm(&broken));
}

std::string subject_of(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  CHECK(out);
  if (X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) {
    return {};
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

std::string_view content(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// Whoever made the certificate chose these bytes: what is no visible ASCII is shown as \XX.
std::string dns_name(std::string_view name) {
  std::string shown;
  for (const char c : name) {
    if (c > ' ' && c < 0x7f && c != '\\') {
      shown += c;
    } else {
      shown += '\\' + hex({&c, 1});
    }
  }
  return shown;
}

// Empty where the length is that of no address.
std::string ip_address(std::string_view address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.size() == 4) inet_ntop(AF_INET, address.data(), text, sizeof text);
  if (address.size() == 16) inet_ntop(AF_INET6, address.data(), text, sizeof text);
  return text;
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const AlternativeNamesPtr all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    std::string text;
    if (name->type == GEN_DNS) text = dns_name(content(name->d.dNSName));
    if (name->type == GEN_IPADD) text = ip_address(content(name->d.iPAddress));
    if (!text.empty()) names.push_back(std::move(text));
  }
  return names;
}

std::string fingerprint_of(const X509* certificate) {
  const int length = i2d_X509(certificate, nullptr);
  CHECK(length > 0);
  std::string der(static_cast<std::size_t>(length), '\0');
  unsigned char* at = bytes(der);
  CHECK(i2d_X509(certificate, &at) == length);
  std::string text;
  for (const std::uint8_t byte : sha256(der)) {
    text += fmt::format("{}{:02X}", text.empty() ? "" : ":", byte);
  }
  return text;
}

std::optional<CertificateInfo> describe(X509* certificate) {
  const auto not_before = time_of(X509_get0_notBefore(certificate));
  const auto not_after = time_of(X509_get0_notAfter(certificate));
  if (!not_before || !not_after) return std::nullopt;
  return CertificateInfo{.subject = subject_of(certificate),
                         .names = names_of(certificate),
                         .not_before = *not_before,
                         .not_after = *not_after,
                         .sha256_fingerprint = fingerprint_of(certificate),
                         .is_ca = X509_check_ca(certificate) > 0};
}

// Nothing in what was left of the text looks like a PEM block.
bool at_end() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

Result<std::vector<CertificateInfo>> read_certificates(std::string_view pem) {
  const BioPtr in = memory_bio(pem);
  std::vector<CertificateInfo> all;
  for (;;) {
    ERR_clear_error();
    const X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!certificate && at_end()) break;
    auto info = certificate ? describe(certificate.get()) : std::nullopt;
    if (!info) {
      return openssl_failed(Errc::bad_certificate,
                            "certificate " + std::to_string(all.size() + 1) + " can't be read");
    }
    all.push_back(std::move(*info));
  }
  ERR_clear_error();
  if (all.empty()) return fail(Errc::bad_certificate, "there is no certificate in PEM form");
  return all;
}

}  // namespace openunison::crypto
