// SPDX-License-Identifier: Apache-2.0
//
// Server: listeners, TLS, the codec chosen by ALPN, limits, request ids, access log and metrics, in
// front of one Service. Certificates are swapped by set_tls() while connections go on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/limits.h"
#include "http/proxies.h"
#include "http/service.h"
#include "net/listener.h"
#include "net/runtime.h"
#include "net/tls.h"

namespace openunison::http {

// What a Server speaks over TLS, the preferred first (RFC 7301).
inline const std::vector<std::string> kAlpn = {"h2", "http/1.1"};

struct ServerOptions {
  std::string name;                 // "portal", "management": label of logs and metrics
  std::vector<std::string> listen;  // addresses
  std::shared_ptr<const net::TlsServerContext> tls;  // null: plain HTTP
  Limits limits;
  Proxies proxies;
  bool hsts = true;  // adds Strict-Transport-Security on TLS
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(net::Runtime& runtime, ServerOptions options,
                                               std::shared_ptr<Service> service);
  ~Server();

  // The ports that it listens on, in the order of `listen`.
  std::vector<std::uint16_t> ports() const;
  void set_tls(std::shared_ptr<const net::TlsServerContext> tls);
  std::size_t requests_in_flight() const;
  // Stops accepting, answers what runs with "connection: close", closes idle connections; returns
  // when all are gone or limits.drain_timeout has passed.
  Task<void> drain();

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Serves one connection until it ends: what Server does per connection, for tests and in-memory
// use.
Task<void> serve_connection(std::unique_ptr<net::Stream> stream, Service& service,
                            const Limits& limits);

}  // namespace openunison::http
