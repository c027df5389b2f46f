// SPDX-License-Identifier: Apache-2.0
//
// Client: HTTP requests to others (identity providers, API servers), pooled per thread and origin.
// HTTP/2 where the origin offers it (ALPN), all requests of a thread on one connection; HTTP/1.1
// else.
// No redirects unless asked, no cookies, no decompression. Deadline and size limits on everything.
#pragma once

#include <memory>
#include <string>

#include "http/message.h"
#include "net/runtime.h"
#include "net/tls.h"
#include "text/url.h"

namespace openunison::http {

struct ClientOptions {
  std::shared_ptr<const net::TlsClientContext> tls;  // never null
  std::string proxy;                  // "http://[user:pw@]host:port" or empty; CONNECT for https
  std::vector<std::string> no_proxy;  // hosts, ".suffixes", IP addresses, "*"
  std::size_t idle_per_origin = 8;    // per thread
  Millis idle_timeout{55'000};
  // What can't be sent again goes only on a connection that was idle for no longer: servers close
  // theirs after five seconds or more, at just that moment perhaps.
  Millis idle_for_once{1'000};
  bool http2 = true;  // with https origins that offer it: one connection a thread
};

struct ClientRequest {
  std::string method = "GET";
  text::Url url;
  Headers headers;  // host, content-length and connection are the client's
  std::string body;
  Millis timeout{10'000};  // for the whole exchange
  std::size_t max_response_bytes = 1024 * 1024;
  int max_redirects = 0;  // GET only, same scheme, same host
};

class Client {
 public:
  Client(net::Runtime& runtime, ClientOptions options);
  ~Client();

  // Errors: net's (timed_out, refused, unresolved, untrusted, ...), bad_gateway, body_too_large.
  // Messages name host and port, never the query. A request that finds its pooled connection closed
  // before a byte of the answer came is sent again once on a fresh one, if it is GET or HEAD; one
  // that an HTTP/2 origin says it did nothing with (REFUSED_STREAM, GOAWAY) at most twice, whatever
  // its method.
  Task<Result<Response>> fetch(ClientRequest request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::http
