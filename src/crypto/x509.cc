// SPDX-License-Identifier: Apache-2.0
#include "crypto/x509.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

WallTime time_of(const ASN1_TIME* time) {
  std::tm broken{};
  CHECK(ASN1_TIME_to_tm(time, &broken) == 1);
  return from_unix_seconds(timegm(&broken));
}

std::string subject_of(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->type == GEN_IPADD ? name->d.iPAddress : nullptr;
    if (value == nullptr) continue;
    const auto* data = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (name->type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(data), size);
    } else {
      char text[INET6_ADDRSTRLEN];
      if (inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, sizeof text) != nullptr) names.emplace_back(text);
    }
  }
  GENERAL_NAMES_free(all);
  return names;
}

std::string fingerprint_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  CHECK(length > 0);
  const std::string digits = hex(view(sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(length)})));
  OPENSSL_free(der);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    if (i > 0) text += ':';
    for (const char c : digits.substr(i, 2)) text += static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  }
  return text;
}

}  // namespace

Result<std::vector<CertificateInfo>> read_certificates(std::string_view pem) {
  const BioPtr in = memory_bio(pem);
  std::vector<CertificateInfo> all;
  for (;;) {
    const X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!certificate) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      ERR_clear_error();
      if (at_end && !all.empty()) return all;
      return fail(Errc::bad_certificate, at_end ? std::string("there is no certificate in PEM form")
                                                : "certificate " + std::to_string(all.size() + 1) + " can't be read");
    }
    CertificateInfo info;
    info.subject = subject_of(certificate.get());
    info.names = names_of(certificate.get());
    info.not_before = time_of(X509_get0_notBefore(certificate.get()));
    info.not_after = time_of(X509_get0_notAfter(certificate.get()));
    info.sha256_fingerprint = fingerprint_of(certificate.get());
    info.is_ca = X509_check_ca(certificate.get()) > 0;
    all.push_back(std::move(info));
  }
}

}  // namespace openunison::crypto
