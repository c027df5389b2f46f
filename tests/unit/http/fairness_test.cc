// SPDX-License-Identifier: Apache-2.0
//
// Connections of a thread take turns: a client that has its next request there before we have
// looked for it, and takes every answer at once, doesn't keep the others waiting.
#include <gtest/gtest.h>

#include "connection_fixture.h"
#include "h2_frames.h"
#include "http/edge.h"

namespace openunison::http {
namespace {

using namespace testing;

constexpr int kReads = 600;

// Never waits: each read gives the next piece, each write is taken.
class QuickClient final : public net::Stream {
 public:
  using Piece = std::string (*)(int number);
  QuickClient(std::string alpn, Piece piece) : piece_(piece) {
    tls_.active = true;
    tls_.alpn = std::move(alpn);
  }
  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline) override {
    co_return next(into);
  }
  std::size_t try_read(std::span<char> into) override { return next(into); }
  Task<Result<void>> write(std::string_view, net::Deadline) override { co_return Result<void>{}; }
  Task<Result<void>> write(std::string_view, std::string_view, net::Deadline) override {
    co_return Result<void>{};
  }
  Task<void> shutdown_write(net::Deadline) override { co_return; }
  void close() override {}
  const net::PeerAddress& peer() const override { return peer_; }
  const net::TlsInfo& tls() const override { return tls_; }

 private:
  std::size_t next(std::span<char> into) {
    if (number_ > kReads) return 0;
    return piece_(number_++).copy(into.data(), into.size());
  }

  const Piece piece_;
  int number_ = 0;
  net::PeerAddress peer_{"192.0.2.1", 1};
  net::TlsInfo tls_;
};

std::string http1_piece(int) {
  return "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n";
}

// Answered without a wait: there is no body.
std::string http2_piece(int number) {
  if (number == 0) return preface();
  const FieldList head = {
      {":method", "HEAD"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/"}};
  return headers(static_cast<std::uint32_t>(2 * number - 1), head);
}

struct Turns {
  bool over = false;
  int others = 0;
};

Task<void> serve_quick(std::unique_ptr<net::Stream> stream, Service& service, Turns& turns) {
  auto edge = std::make_shared<Edge>("local", Limits{}, service, false);
  co_await serve(std::move(stream), edge);
  turns.over = true;
}

Task<void> take_turns(Turns& turns) {
  while (!turns.over) {
    ++turns.others;
    co_await net::yield();
  }
}

Task<void> both(std::unique_ptr<net::Stream> stream, Service& service, Turns& turns) {
  const net::Executor executor = co_await net::current_executor();
  net::Runtime::spawn_on(executor, take_turns(turns));
  co_await serve_quick(std::move(stream), service, turns);
}

TEST(Fairness, OthersHaveTheirTurnBesideAClientThatIsAlwaysQuicker) {
  const struct {
    const char* alpn;
    QuickClient::Piece piece;
  } cases[] = {{"http/1.1", http1_piece}, {"h2", http2_piece}};
  for (const auto& each : cases) {
    net::Runtime runtime(1);
    MirrorService service;
    Turns turns;
    runtime.block_on(both(std::make_unique<QuickClient>(each.alpn, each.piece), service, turns));
    EXPECT_GE(service.requests, kReads) << each.alpn;
    EXPECT_GE(turns.others, kReads / 64) << each.alpn;
  }
}

}  // namespace
}  // namespace openunison::http
