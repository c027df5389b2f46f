// SPDX-License-Identifier: Apache-2.0
//
// Service: the one interface of everything that answers a request: provider, page, proxy, error
// page, health check. Composed in cmd/openunison/main.cc. A Service outlives its requests and is
// called on every runtime thread.
#pragma once

#include <memory>

#include "http/message.h"

namespace openunison::http {

// How to answer one request. Exactly one of send, start or upgrade, once. Lives until handle()
// returns.
class Responder {
 public:
  virtual ~Responder() = default;
  // A whole response. HEAD, 204 and 304 send no body, whatever `response.body` is.
  virtual Task<Result<void>> send(Response response) = 0;
  // A streamed one; `length` where it is known. The writer lives as long as the Responder.
  virtual Task<Result<BodyWriter*>> start(ResponseHead head,
                                          std::optional<std::uint64_t> length) = 0;
  // 101 (or 200 to an extended CONNECT), then the raw bytes both ways.
  virtual Task<Result<std::unique_ptr<net::Stream>>> upgrade(ResponseHead head) = 0;
  virtual bool started() const = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // Returning without an answer makes the server send 500. Errors of the transport inside are
  // final: return, the server closes.
  virtual Task<void> handle(Request& request, Responder& responder) = 0;
};

}  // namespace openunison::http
