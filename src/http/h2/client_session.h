// SPDX-License-Identifier: Apache-2.0
//
// The client's side of HTTP/2's framing (RFC 9113) on nghttp2: requests in, answers out. No I/O and
// no coroutines. What an origin sends is held to the same limits as over HTTP/1.1; pushes are
// refused. Belongs to one thread. Private to http/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/h2/flood_guard.h"
#include "http/h2/frame_splitter.h"
#include "http/limits.h"
#include "http/message.h"
#include "net/signal.h"

struct nghttp2_session;

namespace openunison::http::h2 {

// One request and its answer; shared by the session and whoever waits.
struct ClientCall {
  // Of the request; gone when `done`.
  std::string_view body;
  std::size_t max_response_bytes = 0;

  Response response;       // status 0 until a head came
  bool head_done = false;  // a final one; what comes behind the body are trailers
  int interim = 0;
  std::size_t head_bytes = 0;
  bool any_byte = false;  // of an answer
  bool done = false;
  std::optional<Error> error;
  // The origin did nothing with the request, and says so: it can be sent again (RFC 9113 §8.7).
  bool unprocessed = false;
  bool wants_http11 = false;  // the same, but not over HTTP/2
  std::int32_t id = 0;
  net::Signal changed;
};

class ClientSession {
 public:
  explicit ClientSession(const Limits& limits);  // which outlives it
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;

  // `fields`: pseudo-fields first, names in lower case. False: no more requests here.
  bool submit(const std::shared_ptr<ClientCall>& call, const std::vector<Field>& fields);
  // Nobody waits any more.
  void cancel(ClientCall& call);

  // False: the connection is of no more use; what produce() gives is still to be sent.
  bool receive(std::string_view bytes);
  bool produce(std::string& out, std::size_t enough);
  bool has_output() const;
  bool finished() const;
  // Whether a new request can be sent here.
  bool accepts() const;
  std::size_t calls() const { return calls_.size(); }
  // Takes no more requests; those that run go on.
  void retire() { leaving_ = true; }
  // Ends it.
  void go_away();
  // The connection is gone: ends all calls.
  void abandon(const Error& error);

 private:
  struct Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* session) const;
  };
  bool check_cost();
  void finish(ClientCall& call);
  void refuse(ClientCall& call, Error error);
  void fail(const char* why);
  void take_field(ClientCall& call, std::string_view name, std::string_view value);

  const Limits& limits_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::unordered_map<std::int32_t, std::shared_ptr<ClientCall>> calls_;
  FrameSplitter splitter_;
  FloodGuard guard_;
  bool leaving_ = false;  // GOAWAY came, or went
  bool broken_ = false;   // nghttp2 may not be asked again
  std::optional<Error> error_;
};

}  // namespace openunison::http::h2
