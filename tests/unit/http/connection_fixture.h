// SPDX-License-Identifier: Apache-2.0
//
// Servers' connections in memory, for tests: a service that tells what it got, a client that writes
// bytes and collects what comes back, and a reader of responses.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "http/server.h"
#include "http/service.h"
#include "metric.h"
#include "net/runtime.h"

namespace openunison::http::testing {

// Answers with "METHOD path[?query] authority [body]", or with the status of the body's error.
class MirrorService final : public Service {
 public:
  Task<void> handle(Request& request, Responder& responder) override;
  int requests = 0;
};

// A service from a plain coroutine function and a context of its own.
template <class Context>
class FunctionService final : public Service {
 public:
  using Function = Task<void> (*)(Context&, Request&, Responder&);
  FunctionService(Context& context, Function function) : context_(context), function_(function) {}
  Task<void> handle(Request& request, Responder& responder) override {
    return function_(context_, request, responder);
  }

 private:
  Context& context_;
  Function function_;
};

struct Nothing {};  // the context of a service without one

inline Response text(int status, std::string body) {
  return {status, {{"content-type", "text/plain"}}, std::move(body)};
}

// Answers with its path and leaves the body.
Task<void> ignore_body(Nothing&, Request& request, Responder& responder);

// One response as read off the wire.
struct Received {
  std::string status_line;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;      // decoded
  bool complete = true;  // the body ended as its framing said

  // "" where absent.
  std::string header(std::string_view name) const;
};

// All responses of `bytes`, interim ones too. `to_head`: how many of the final ones have no body.
std::vector<Received> parse_responses(std::string_view bytes, bool to_head = false);

// Writes `raw`, ends the direction, and gives all that came back until the server closed.
std::string converse(Service& service, const std::string& raw, const Limits& limits = {},
                     std::size_t split = 0);

// A connection that a test talks to step by step, on the runtime's thread.
class Conversation {
 public:
  Conversation(net::Runtime& runtime, Service& service, const Limits& limits,
               std::size_t split = 0);

  // False: the server had closed before it took all of it.
  Task<bool> send(std::string bytes);
  Task<void> finish_sending();
  // Until the server closed, or the deadline.
  Task<std::string> read_to_end();
  // Until `end` has come; all that came so far.
  Task<std::string> read_until(std::string end);
  void drop() { client_.reset(); }
  // serve_connection() has returned.
  Task<bool> server_ended();

 private:
  static Task<void> serve(std::unique_ptr<net::Stream> stream, Service& service, Limits limits,
                          std::shared_ptr<net::Completion> ended);

  std::unique_ptr<net::Stream> client_;
  std::shared_ptr<net::Completion> ended_;
  std::string received_;
};

}  // namespace openunison::http::testing
