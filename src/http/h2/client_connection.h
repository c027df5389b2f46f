// SPDX-License-Identifier: Apache-2.0
//
// A client's HTTP/2 connection to one origin, shared by all requests of a thread: moves bytes
// between the stream below and the session. Reads for itself, so it notices its end and GOAWAY
// while nobody asks anything, and ends when idle. Belongs to its thread. Private to http/.
#pragma once

#include <memory>

#include "http/h2/client_session.h"
#include "net/runtime.h"
#include "net/stream.h"

namespace openunison::http::h2 {

struct ClientAnswer {
  Result<Response> response;
  bool any_byte = false;
  // As in ClientCall.
  bool unprocessed = false, wants_http11 = false;
};

class ClientConnection final : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(std::unique_ptr<net::Stream> stream, net::Executor executor,
                   Millis idle_timeout);

  // Begins to read and write. Once.
  void start();
  // A new request may use it.
  bool usable() const { return open_ && session_.accepts(); }
  // One request; `body` and `fields` are the caller's for the whole call. Errors: net's,
  // bad_gateway, body_too_large.
  Task<ClientAnswer> exchange(const std::vector<Field>& fields, std::string_view body,
                              std::size_t max_response_bytes, net::Deadline deadline);
  // Ends it, whatever runs.
  void close();
  const net::Executor& executor() const { return executor_; }

 private:
  static Task<void> run(std::shared_ptr<ClientConnection> self);
  static Task<void> write_out(std::shared_ptr<ClientConnection> self);
  Task<void> read_frames();
  Task<bool> write_frames();
  void flush();

  std::unique_ptr<net::Stream> stream_;
  net::Executor executor_;
  const Millis idle_timeout_;
  const Limits limits_;
  ClientSession session_;
  bool open_ = true, writing_ = false, receiving_ = false;
  net::Deadline heard_, idle_since_;
  net::Signal changed_;
};

}  // namespace openunison::http::h2
