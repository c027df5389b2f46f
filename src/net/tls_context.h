// SPDX-License-Identifier: Apache-2.0
//
// The OpenSSL side of TLS settings. Private to net/.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <optional>

#include "net/tls.h"

namespace openunison::net {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextDeleter>;

struct TlsServerContext::Impl {
  std::vector<SslContextPtr>
      contexts;  // one a certificate; the first is what handshakes start with
  std::vector<std::vector<std::string>> names;  // of each certificate, lower case
  std::string alpn;                             // wire format, our order
  // Which certificate is for that name.
  std::optional<std::size_t> find(std::string_view name) const;
  bool is_for(std::size_t certificate, std::string_view name) const;
};

struct TlsClientContext::Impl {
  // The context with the system's roots, which are read at the first use: that takes as long as the
  // rest of a start.
  SSL_CTX* ready() const;

  SslContextPtr context;
  bool system_roots = true;
  mutable std::once_flag roots_loaded;
};

// The wire format of RFC 7301 §3.1.
std::string alpn_wire(const std::vector<std::string>& names);

// What OpenSSL last complained of, in its words; empties the queue.
std::string openssl_reason();

}  // namespace openunison::net
