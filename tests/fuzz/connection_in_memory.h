// SPDX-License-Identifier: Apache-2.0
//
// A server's connection in memory, for targets that feed it a client's bytes. One runtime and one
// edge serve all inputs, and no timer is armed while a client talks: starting threads and setting
// timers cost far more than the protocol does.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "base/log.h"
#include "fuzz.h"
#include "http/edge.h"
#include "net/signal.h"

namespace openunison::http::fuzz {

constexpr std::size_t kMaxPieces = 64;
constexpr std::size_t kMaxAnswers = 4 * 1024 * 1024;
constexpr int kQuietTurns = 8;
constexpr Millis kPatience{5'000};

// Reads, streams, leaves bodies alone, or opens a tunnel, by what the path begins with. Answers to
// HEAD say that they are, for whoever reads the bytes.
class AllSorts final : public Service {
 public:
  Task<void> handle(Request& request, Responder& responder) override {
    const char kind = request.path.size() > 1 ? request.path[1] : 'r';
    Headers headers;
    if (request.method == "HEAD") headers.add("x-head", "1");
    if (!request.upgrade.empty()) {
      co_await echo(responder);
    } else if (kind == 'e') {
      co_await responder.send({200, std::move(headers), "early"});
    } else if (kind == 's') {
      co_await stream(responder, std::move(headers));
    } else {
      auto body = co_await read_all(*request.body, 1 << 20);
      co_await responder.send({body ? 200 : 400, std::move(headers), body ? *body : ""});
    }
  }

 private:
  static Task<void> echo(Responder& responder) {
    auto tunnel = co_await responder.upgrade({101, {}});
    char buffer[256];
    while (tunnel) {
      auto got = co_await (*tunnel)->read_some(buffer, net::in(kPatience));
      if (!got || *got == 0) co_return;
      auto written = co_await (*tunnel)->write({buffer, *got}, net::in(kPatience));
      if (!written) co_return;
    }
  }
  static Task<void> stream(Responder& responder, Headers headers) {
    auto writer = co_await responder.start({200, std::move(headers)}, std::nullopt);
    if (!writer) co_return;
    for (int i = 0; i < 20; ++i) {
      auto written = co_await (*writer)->write(std::string(1000, 'a'));
      if (!written) co_return;
    }
    co_await (*writer)->finish();
  }
};

using Serve = Task<void> (*)(std::unique_ptr<net::Stream>, std::shared_ptr<Edge>);

inline Task<void> serve_and_tell(Serve serve, std::unique_ptr<net::Stream> stream,
                                 std::shared_ptr<Edge> edge,
                                 std::shared_ptr<net::Completion> ended) {
  co_await serve(std::move(stream), std::move(edge));
  ended->complete();
}

// Lets everything run that can: a signal without a deadline arms no timer.
inline Task<void> turn(const net::Executor& executor) {
  net::Signal signal;
  net::Runtime::post(executor, [&signal] { signal.notify(); });
  co_await signal.wait(net::kNoDeadline);
}

// True: the server has sent something.
inline bool read_what_is_there(net::Stream& client, std::string& received) {
  char buffer[8192];
  const std::size_t before = received.size();
  for (std::size_t got = client.try_read(buffer); got > 0; got = client.try_read(buffer))
    received.append(buffer, got);
  return received.size() > before;
}

// What the server sent while `input` came in pieces of `piece` bytes; larger ones if those would be
// too many.
inline Task<std::string> talk(std::unique_ptr<net::Stream> client, std::string_view input,
                              std::size_t piece, std::shared_ptr<net::Completion> ended) {
  const net::Executor executor = co_await net::current_executor();
  std::string received;
  piece = std::max({piece, input.size() / kMaxPieces, std::size_t{1}});
  while (!input.empty()) {
    const std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    auto written = co_await client->write(part, net::in(kPatience));
    if (!written) break;
    co_await turn(executor);
    read_what_is_there(*client, received);
  }
  // Answers take several turns: a client that is gone sees none of them.
  for (int quiet = 0; quiet < kQuietTurns && !ended->done(); ++quiet) {
    co_await turn(executor);
    if (read_what_is_there(*client, received)) quiet = 0;
  }
  read_what_is_there(*client, received);
  client.reset();
  MUST(co_await ended->wait(net::in(kPatience)));
  co_return received;
}

// Whatever comes, the server must come to an end once the client is gone, must not have written
// without bound, and must have given back what it counts of requests.
inline std::string converse(Serve serve, std::string_view input, std::size_t piece) {
  static net::Runtime runtime(1);
  static AllSorts service;
  static const auto edge = [] {
    log::configure(log::Level::error);
    return std::make_shared<Edge>("fuzz", Limits{}, service, false);
  }();
  auto ended = std::make_shared<net::Completion>();
  auto [client, server] = net::memory_pipe();
  runtime.spawn(0, serve_and_tell(serve, std::move(server), edge, ended));
  std::string received = runtime.block_on(talk(std::move(client), input, piece, ended));
  MUST(received.size() < kMaxAnswers);
  MUST(edge->in_flight() == 0);
  return received;
}

}  // namespace openunison::http::fuzz
