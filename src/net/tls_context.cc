// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "crypto/x509.h"
#include "net/system_roots.h"

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

std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// The one host name of a server_name extension (RFC 6066 §3); "" if it can't be read, which OpenSSL
// refuses itself.
std::string_view server_name_of(SSL* ssl) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  constexpr std::size_t kBeforeName = 5;  // length of the list, type, length of the name
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 ||
      size < kBeforeName || bytes[2] != TLSEXT_NAMETYPE_host_name)
    return {};
  const std::size_t length = static_cast<std::size_t>(bytes[3]) << 8 | bytes[4];
  return length == size - kBeforeName ? view(bytes + kBeforeName, length) : std::string_view();
}

// Before OpenSSL looks at a ticket, since the certificate's context decides which are taken.
// Unknown names get the first certificate; the Host is checked later.
int choose_certificate(SSL* ssl, int*, void* arg) {
  const auto* impl = static_cast<const TlsServerContext::Impl*>(arg);
  const std::size_t found = impl->find(server_name_of(ssl)).value_or(0);
  if (found > 0) SSL_set_SSL_CTX(ssl, impl->contexts[found].get());
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Has the name noted: OpenSSL forgets one that nobody acknowledges.
int acknowledge_name(SSL*, int*, void*) {
  return SSL_TLSEXT_ERR_OK;
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
  const auto bad_file = [](const std::string& file, const std::string& why) {
    const std::string reason = openssl_reason();
    return fail(Errc::bad_certificate,
                file + ": " + why + (reason.empty() ? "" : " (" + reason + ")"));
  };
  const auto bad = [&](const std::string& why) { return bad_file(pair.origin, why); };
  const std::string& key_file = pair.key_origin.empty() ? pair.origin : pair.key_origin;
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
  if (key == nullptr) return bad_file(key_file, "there is no unencrypted private key in PEM form");
  const int used = SSL_CTX_use_PrivateKey(context.get(), key);
  EVP_PKEY_free(key);
  if (used != 1 || SSL_CTX_check_private_key(context.get()) != 1)
    return bad_file(key_file,
                    "the private key doesn't belong to the certificate in " + pair.origin);
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

std::optional<std::size_t> TlsServerContext::Impl::find(std::string_view given) const {
  const std::string name = lower(given);
  std::optional<std::size_t> by_wildcard;
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    for (const std::string& pattern : names[i]) {
      if (pattern == name) return i;
      if (!by_wildcard && matches(pattern, name)) by_wildcard = i;
    }
  }
  return by_wildcard;
}

bool TlsServerContext::Impl::is_for(std::size_t certificate, std::string_view given) const {
  const std::string name = lower(given);
  return std::ranges::any_of(
      names[certificate], [&name](const std::string& pattern) { return matches(pattern, name); });
}

TlsServerContext::TlsServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServerContext::~TlsServerContext() = default;
bool TlsServerContext::has_name(std::string_view host) const {
  return pair_of(host).has_value();
}
std::optional<std::size_t> TlsServerContext::pair_of(std::string_view host) const {
  return impl_->find(host);
}
bool TlsServerContext::has_several() const {
  return impl_->contexts.size() > 1;
}
bool TlsServerContext::misdirects(std::string_view server_name, std::string_view host) const {
  return !impl_->is_for(impl_->find(server_name).value_or(0), host) && has_name(host);
}
TlsClientContext::TlsClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClientContext::~TlsClientContext() = default;

SSL_CTX* TlsClientContext::Impl::ready() const {
  std::call_once(roots_loaded, [this] {
    if (system_roots) add_system_roots(context.get());
    ERR_clear_error();
  });
  return context.get();
}

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
    SSL_CTX_set_client_hello_cb(context.get(), choose_certificate, impl.get());
    SSL_CTX_set_tlsext_servername_callback(context.get(), acknowledge_name);
    // Resumption by tickets. All are sealed with the first context's keys, so that each must say
    // which certificate its session began with: a name is served by its own only (RFC 6066 §3).
    const std::string session = "openunison " + std::to_string(impl->contexts.size());
    SSL_CTX_set_session_id_context(context.get(),
                                   reinterpret_cast<const unsigned char*>(session.data()),
                                   static_cast<unsigned>(session.size()));
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
  impl->system_roots = system_roots;
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

std::string TlsClientContext::distrust(const std::string& chain_pem) const {
  const auto free_chain = [](STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_chain)> chain(sk_X509_new_null(), free_chain);
  const BioPtr in(BIO_new_mem_buf(chain_pem.data(), static_cast<int>(chain_pem.size())));
  while (X509* next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr))
    sk_X509_push(chain.get(), next);
  ERR_clear_error();
  if (sk_X509_num(chain.get()) == 0) return "there is no certificate in PEM form";
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check(X509_STORE_CTX_new(),
                                                                              X509_STORE_CTX_free);
  X509_STORE* roots = SSL_CTX_get_cert_store(impl_->ready());
  if (X509_STORE_CTX_init(check.get(), roots, sk_X509_value(chain.get(), 0), chain.get()) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_server") != 1)
    return "it can't be looked at";
  if (X509_verify_cert(check.get()) == 1) return {};
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
}

}  // namespace openunison::net
