// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/log.h"
#include "crypto/x509.h"

namespace openunison::net {
namespace {

constexpr const char* kTls12Ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-"
    "RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;
struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, X509Deleter>;

SslContextPtr new_context(const SSL_METHOD* method) {
  SslContextPtr context(SSL_CTX_new(method));
  CHECK(context);
  CHECK(SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1);
  CHECK(SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers) == 1);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                unsigned in_length, void* arg) {
  const auto* ours = static_cast<const std::string*>(arg);
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_length,
                                          reinterpret_cast<const unsigned char*>(ours->data()),
                                          static_cast<unsigned>(ours->size()), in, in_length);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_certificate(SSL* ssl, int*, void* arg) {
  const auto* impl = static_cast<const TlsServerContext::Impl*>(arg);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const SSL_CTX* found = name != nullptr ? impl->find(name) : nullptr;
  if (found != nullptr) SSL_set_SSL_CTX(ssl, const_cast<SSL_CTX*>(found));
  return SSL_TLSEXT_ERR_OK;  // unknown names get the first certificate; the Host is checked later
}

// RFC 6125 §6.4.3: a wildcard stands for the whole left-most label only.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Result<SslContextPtr> load_pair(const CertificatePair& pair) {
  const auto bad = [&](const std::string& why) {
    const std::string reason = openssl_reason();
    return fail(Errc::bad_certificate,
                pair.origin + ": " + why + (reason.empty() ? "" : " (" + reason + ")"));
  };
  SslContextPtr context = new_context(TLS_server_method());
  const BioPtr in(BIO_new_mem_buf(pair.chain_pem.data(), static_cast<int>(pair.chain_pem.size())));
  const X509Ptr leaf(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!leaf) return bad("there is no certificate in PEM form");
  if (SSL_CTX_use_certificate(context.get(), leaf.get()) != 1)
    return bad("the certificate can't be used");
  for (;;) {
    X509Ptr next(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    if (SSL_CTX_add0_chain_cert(context.get(), next.get()) != 1)
      return bad("the certificate chain can't be used");
    static_cast<void>(next.release());
  }
  ERR_clear_error();
  const std::string_view key_pem = pair.key_pem.reveal();
  const BioPtr key_in(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_in.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) return bad("there is no unencrypted private key in PEM form");
  const int used = SSL_CTX_use_PrivateKey(context.get(), key);
  EVP_PKEY_free(key);
  if (used != 1 || SSL_CTX_check_private_key(context.get()) != 1)
    return bad("the private key doesn't belong to the certificate");
  return context;
}

}  // namespace

std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) wire += static_cast<char>(name.size()) + name;
  return wire;
}

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason != nullptr ? reason : "";
}

const SSL_CTX* TlsServerContext::Impl::find(std::string_view server_name) const {
  const std::string name = lower(server_name);
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    for (const std::string& pattern : names[i]) {
      if (matches(pattern, name)) return contexts[i].get();
    }
  }
  return nullptr;
}

TlsServerContext::TlsServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServerContext::~TlsServerContext() = default;
bool TlsServerContext::has_name(std::string_view host) const {
  return impl_->find(host) != nullptr;
}
TlsClientContext::TlsClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::create(
    const std::vector<CertificatePair>& pairs, std::vector<std::string> alpn) {
  if (pairs.empty()) return fail(Errc::bad_certificate, "there is no certificate");
  auto impl = std::make_unique<Impl>();
  impl->alpn = alpn_wire(alpn);
  for (const CertificatePair& pair : pairs) {
    SslContextPtr context = TRY(load_pair(pair));
    const auto information = crypto::read_certificates(pair.chain_pem);
    if (!information)
      return fail(Errc::bad_certificate, pair.origin + ": " + information.error().message());
    const crypto::CertificateInfo& leaf = information->front();
    if (leaf.not_after < SystemClock().now()) {
      log::warn("a serving certificate has expired",
                {{"file", pair.origin}, {"not_after", rfc3339(leaf.not_after)}});
    }
    std::vector<std::string> names;
    for (const std::string& name : leaf.names) names.push_back(lower(name));
    SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, &impl->alpn);
    SSL_CTX_set_tlsext_servername_callback(context.get(), choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context.get(), impl.get());
    // Resumption by tickets: sessions are bound to this server's contexts.
    SSL_CTX_set_session_id_context(context.get(),
                                   reinterpret_cast<const unsigned char*>("openunison"), 10);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context.get(), 1);
    impl->names.push_back(std::move(names));
    impl->contexts.push_back(std::move(context));
  }
  return std::make_shared<const TlsServerContext>(std::move(impl));
}

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::create(
    const std::vector<std::string>& extra_roots_pem, bool system_roots,
    std::vector<std::string> alpn) {
  auto impl = std::make_unique<Impl>();
  impl->context = new_context(TLS_client_method());
  SSL_CTX* context = impl->context.get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (system_roots) {
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_STORE_set_flags(
      store,
      X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate or leaf that was given is trusted as such
  for (const std::string& pem : extra_roots_pem) {
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    int count = 0;
    for (;; ++count) {
      const X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
      if (!certificate) break;
      X509_STORE_add_cert(store, certificate.get());
    }
    ERR_clear_error();
    if (count == 0) return fail(Errc::bad_certificate, "a trusted certificate is not in PEM form");
  }
  const std::string wire = alpn_wire(alpn);
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size()));
  return std::make_shared<const TlsClientContext>(std::move(impl));
}

}  // namespace openunison::net
