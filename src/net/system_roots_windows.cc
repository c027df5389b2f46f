// SPDX-License-Identifier: Apache-2.0
//
// The machine's and the person's store "ROOT", where a company's authority is put as well. What the
// same stores list as distrusted is left out.
#include <winsock2.h>
// After it.
#include <windows.h>
// After it.
#include <wincrypt.h>

#include <cstdlib>
#include <memory>

#include "net/system_roots.h"

namespace openunison::net {
namespace {

struct StoreDeleter {
  void operator()(void* store) const { ::CertCloseStore(store, 0); }
};
using Store = std::unique_ptr<void, StoreDeleter>;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_in(HCERTSTORE store, PCCERT_CONTEXT certificate) {
  PCCERT_CONTEXT found = ::CertFindCertificateInStore(store, X509_ASN_ENCODING, 0,
                                                      CERT_FIND_EXISTING, certificate, nullptr);
  if (found == nullptr) return false;
  ::CertFreeCertificateContext(found);
  return true;
}

}  // namespace

void add_system_roots(SSL_CTX* context) {
  if (is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR")) {
    SSL_CTX_set_default_verify_paths(context);
    return;
  }
  const Store roots(::CertOpenSystemStoreW(0, L"ROOT"));
  const Store distrusted(::CertOpenSystemStoreW(0, L"Disallowed"));
  if (!roots) return;
  X509_STORE* trusted = SSL_CTX_get_cert_store(context);
  PCCERT_CONTEXT certificate = nullptr;
  while ((certificate = ::CertEnumCertificatesInStore(roots.get(), certificate)) != nullptr) {
    if (distrusted && is_in(distrusted.get(), certificate)) continue;
    const unsigned char* bytes = certificate->pbCertEncoded;
    X509* parsed = d2i_X509(nullptr, &bytes, static_cast<long>(certificate->cbCertEncoded));
    if (parsed == nullptr) continue;
    X509_STORE_add_cert(trusted, parsed);
    X509_free(parsed);
  }
}

}  // namespace openunison::net
