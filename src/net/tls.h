// SPDX-License-Identifier: Apache-2.0
//
// TLS settings, immutable and shared; OpenSSL stays behind Impl. Server: 1.2 and 1.3, AEAD suites
// with forward secrecy, ALPN, session tickets, several certificates chosen by server name. Client:
// verification against the system's roots plus given ones, always with the host's name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "net/stream.h"

namespace openunison::net {

struct CertificatePair {
  std::string chain_pem;  // leaf first
  Secret key_pem;
  std::string origin;      // where the chain was read, for messages
  std::string key_origin;  // and the key; empty: there as well
};

class TlsServerContext {
 public:
  // A name that a certificate has as it is goes before another one's wildcard. The first pair
  // answers where no name matches. Errors: bad_certificate (key doesn't belong to the certificate,
  // not PEM, expired is only a warning in the log).
  static Result<std::shared_ptr<const TlsServerContext>> create(
      const std::vector<CertificatePair>& pairs, std::vector<std::string> alpn = {"http/1.1"});
  // Whether one of the certificates is for that host.
  bool has_name(std::string_view host) const;
  // Which of the pairs answers for that host; nullopt: none is for it.
  std::optional<std::size_t> pair_of(std::string_view host) const;
  // Whether the certificate that is shown to who asks for `server_name` ("": for none) isn't for
  // `host`, and another one is: who connects anew by the right name would be served (RFC 9110
  // §15.5.20).
  bool misdirects(std::string_view server_name, std::string_view host) const;
  // More than one certificate; otherwise nothing is ever misdirected.
  bool has_several() const;
  struct Impl;
  explicit TlsServerContext(std::unique_ptr<Impl> impl);
  ~TlsServerContext();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class TlsClientContext {
 public:
  // `extra_roots_pem`: PEM bundles trusted beside the system's roots.
  static Result<std::shared_ptr<const TlsClientContext>> create(
      const std::vector<std::string>& extra_roots_pem, bool system_roots = true,
      std::vector<std::string> alpn = {"http/1.1"});
  // Why a client with these settings wouldn't take a server's certificates (PEM, leaf first), in
  // OpenSSL's words; "" if it would. Names aren't looked at.
  std::string distrust(const std::string& chain_pem) const;
  struct Impl;
  explicit TlsClientContext(std::unique_ptr<Impl> impl);
  ~TlsClientContext();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Handshakes over a TCP stream, which must be one of ours (listener.h, connect.h).
Task<Result<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> tcp,
                                                 std::shared_ptr<const TlsServerContext> context,
                                                 Deadline deadline);
// Verifies that the certificate is for `server_name` (a DNS name or an IP address). `alpn`: the
// protocols to offer, the preferred first; empty: the context's.
Task<Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> transport,
                                                  std::shared_ptr<const TlsClientContext> context,
                                                  std::string server_name, Deadline deadline,
                                                  std::vector<std::string> alpn = {});

}  // namespace openunison::net
