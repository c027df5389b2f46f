// SPDX-License-Identifier: Apache-2.0
//
// A client's bytes behind the preface, to a whole HTTP/2 connection of the server. The first byte
// says in how large pieces they come. Whatever they are, the server must come to an end once the
// client is gone, must have sent whole frames only, must not have written without bound, and must
// have given back what it counts of requests. One runtime and one edge serve all inputs, and no
// timer is armed while a client talks: starting threads and setting timers cost far more than the
// protocol does.
#include <algorithm>
#include <memory>

#include "base/log.h"
#include "fuzz.h"
#include "http/edge.h"
#include "net/signal.h"

using namespace openunison;

namespace {

constexpr std::size_t kMaxPieces = 64;
constexpr int kQuietTurns = 8;

// Reads, streams, leaves bodies alone, or opens a tunnel, by what the path begins with.
class AllSorts final : public http::Service {
 public:
  Task<void> handle(http::Request& request, http::Responder& responder) override {
    const char kind = request.path.size() > 1 ? request.path[1] : 'r';
    if (!request.upgrade.empty()) {
      co_await echo(responder);
    } else if (kind == 'e') {
      co_await responder.send({200, {}, "early"});
    } else if (kind == 's') {
      co_await stream(responder);
    } else {
      auto body = co_await http::read_all(*request.body, 1 << 20);
      co_await responder.send({body ? 200 : 400, {}, body ? *body : ""});
    }
  }

 private:
  static Task<void> echo(http::Responder& responder) {
    auto tunnel = co_await responder.upgrade({101, {}});
    char buffer[256];
    while (tunnel) {
      auto got = co_await (*tunnel)->read_some(buffer, net::in(Millis(5'000)));
      if (!got || *got == 0) co_return;
      auto written = co_await (*tunnel)->write({buffer, *got}, net::in(Millis(5'000)));
      if (!written) co_return;
    }
  }
  static Task<void> stream(http::Responder& responder) {
    auto writer = co_await responder.start({200, {}}, std::nullopt);
    if (!writer) co_return;
    for (int i = 0; i < 20; ++i) {
      auto written = co_await (*writer)->write(std::string(1000, 'a'));
      if (!written) co_return;
    }
    co_await (*writer)->finish();
  }
};

// The frames that came, as far as their headers tell.
struct Reading {
  std::string bytes;
  std::size_t total = 0;

  void add(std::string_view more) {
    total += more.size();
    bytes += more;
    while (bytes.size() >= 9) {
      const auto byte = [this](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at]));
      };
      const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
      MUST(length <= 16'384);
      MUST(byte(3) <= 9 && byte(3) != 2 && byte(3) != 5);  // never a priority, never a promise
      MUST((byte(5) & 0x80) == 0);
      if (bytes.size() < 9 + length) return;
      bytes.erase(0, 9 + length);
    }
  }
};

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<http::Edge> edge,
                 std::shared_ptr<net::Completion> ended) {
  co_await http::h2::serve(std::move(stream), std::move(edge));
  ended->complete();
}

// Lets everything run that can: a signal without a deadline arms no timer.
Task<void> turn(const net::Executor& executor) {
  net::Signal signal;
  net::Runtime::post(executor, [&signal] { signal.notify(); });
  co_await signal.wait(net::kNoDeadline);
}

// True: the server has sent something.
bool read_all(net::Stream& client, Reading& reading) {
  char buffer[8192];
  const std::size_t before = reading.total;
  for (std::size_t got = client.try_read(buffer); got > 0; got = client.try_read(buffer))
    reading.add({buffer, got});
  return reading.total > before;
}

Task<bool> talk(std::unique_ptr<net::Stream> client, std::string_view text, std::size_t piece,
                std::shared_ptr<net::Completion> ended) {
  const net::Executor executor = co_await net::current_executor();
  Reading reading;
  std::string input("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  input += text;
  piece = std::max(piece, input.size() / kMaxPieces);
  for (std::string_view left = input; !left.empty();) {
    const std::string_view part = left.substr(0, piece);
    left.remove_prefix(part.size());
    auto written = co_await client->write(part, net::in(Millis(5'000)));
    if (!written) break;
    co_await turn(executor);
    read_all(*client, reading);
  }
  // Answers take several turns: a client that is gone sees none of them.
  for (int quiet = 0; quiet < kQuietTurns && !ended->done(); ++quiet) {
    co_await turn(executor);
    if (read_all(*client, reading)) quiet = 0;
  }
  // 100 answers of 20 KB, their heads, and an answer for each few bytes of input.
  MUST(reading.total < 4 * 1024 * 1024);
  client.reset();
  co_return co_await ended->wait(net::in(Millis(5'000)));
}

}  // namespace

FUZZ(text) {
  static const bool kQuiet = [] {
    log::configure(log::Level::error, "");
    return true;
  }();
  if (text.empty() || !kQuiet) return;
  const std::size_t step = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  static net::Runtime runtime(1);
  static AllSorts service;
  static const auto edge = std::make_shared<http::Edge>("fuzz", http::Limits{}, service, false);
  auto ended = std::make_shared<net::Completion>();
  auto [client, server] = net::memory_pipe();
  runtime.spawn(0, serve(std::move(server), edge, ended));
  MUST(runtime.block_on(talk(std::move(client), text, step == 0 ? text.size() + 33 : step, ended)));
  MUST(edge->in_flight() == 0);
}
