// SPDX-License-Identifier: Apache-2.0
//
// Tunnels over HTTP/2 (RFC 8441): bytes both ways, their ends, and who outlives whom.
#include <gtest/gtest.h>

#include "h2_splits.h"

namespace openunison::http::testing {
namespace {

class H2Tunnels : public H2Splits {};
INSTANTIATE_TEST_SUITE_P(Splits, H2Tunnels, ::testing::Values(0, 1, 7));

std::string connect_to(std::string protocol, bool ends = false) {
  return headers(1,
                 {{":method", "CONNECT"},
                  {":scheme", "http"},
                  {":path", "/chat"},
                  {":authority", "example.com"},
                  {":protocol", std::move(protocol)}},
                 ends);
}

// Sends everything back in upper case; at the end of the input says "bye" and ends.
Task<void> shout(Nothing&, Request& request, Responder& responder) {
  if (request.upgrade != "websocket") {
    co_await responder.send(text(200, "no tunnel"));
    co_return;
  }
  auto stream = co_await responder.upgrade({101, {{"sec-websocket-protocol", "chat"}}});
  if (!stream) co_return;
  char buffer[1000];
  for (;;) {
    auto got = co_await (*stream)->read_some(buffer, net::in(Millis(10'000)));
    if (!got) co_return;
    if (*got == 0) break;
    std::string back(buffer, *got);
    for (char& c : back) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    auto written = co_await (*stream)->write(back, net::in(Millis(10'000)));
    if (!written) co_return;
  }
  co_await (*stream)->write("b", "ye", net::in(Millis(10'000)));
  co_await (*stream)->shutdown_write(net::in(Millis(10'000)));
}

TEST_P(H2Tunnels, TunnelsCarryBytesBothWays) {
  FunctionService<Nothing> service(nothing_, shout);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + connect_to("websocket") + data(1, "early "));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).body == "EARLY "; }));
  EXPECT_EQ(peer.stream(1).status, 200);
  EXPECT_EQ(peer.stream(1).header("sec-websocket-protocol"), "chat");
  EXPECT_EQ(peer.stream(1).header("content-length"), "");
  peer.send(data(1, "bird"));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).body == "EARLY BIRD"; }));
  peer.send(h2_get(3));  // beside it
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_EQ(peer.stream(3).body, "no tunnel");
  peer.send(data(1, "", true));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body, "EARLY BIRDbye");
  EXPECT_FALSE(peer.stream(1).reset);
}

TEST_P(H2Tunnels, TunnelsPassTheLimitOfBodies) {
  FunctionService<Nothing> service(nothing_, shout);
  Limits limits;
  limits.body_bytes = 100;
  H2Peer peer(service, limits, GetParam());
  peer.send(preface() + connect_to("websocket"));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).status == 200; }));
  for (std::size_t i = 1; i <= 10; ++i) {
    peer.send(data(1, std::string(90, 'a')));
    ASSERT_TRUE(peer.wait_for([i](H2Reading& got) { return got.stream(1).body.size() == 90 * i; }));
  }
}

TEST_P(H2Tunnels, ATunnelThatIsClosedHereIsCancelled) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder& responder) -> Task<void> {
                                     auto stream = co_await responder.upgrade({101, {}});
                                     co_await (*stream)->write("a", net::in(Millis(1'000)));
                                   });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + connect_to("websocket"));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).reset.has_value(); }));
  EXPECT_EQ(peer.stream(1).reset, kCancel);
  EXPECT_EQ(peer.stream(1).body, "a");
}

// A tunnel is a Stream that its owner may keep: longer than handle(), and than the connection.
TEST_P(H2Tunnels, ATunnelMayOutliveItsConnection) {
  struct Kept {
    std::unique_ptr<net::Stream> stream;
  } kept;
  FunctionService<Kept> service(kept, [](Kept& k, Request&, Responder& responder) -> Task<void> {
    auto stream = co_await responder.upgrade({101, {}});
    k.stream = std::move(*stream);
  });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + connect_to("websocket") + data(1, "rest"));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).status == 200; }));
  peer.let_run(Millis(5));
  peer.drop();
  EXPECT_TRUE(peer.server_ended());
  ASSERT_TRUE(kept.stream);
  struct Ends {
    static Task<std::string> of(net::Stream& stream) {
      char buffer[10];
      auto got = co_await stream.read_some(buffer, net::in(Millis(1'000)));
      std::string seen = got ? std::string(buffer, *got) : "";
      auto more = co_await stream.read_some(buffer, net::in(Millis(1'000)));
      auto written = co_await stream.write("a", net::in(Millis(1'000)));
      co_return seen + (more ? " read" : " closed") + (written ? " written" : " closed");
    }
  };
  EXPECT_EQ(peer.runtime().block_on(Ends::of(*kept.stream)), "rest closed closed");
  EXPECT_EQ(kept.stream->peer().ip, "127.0.0.1");
  kept.stream.reset();
}

// What is kept when the runtime ends must not begin anything on it.
TEST_P(H2Tunnels, ATunnelMayEndWithTheRuntime) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder& responder) -> Task<void> {
                                     auto stream = co_await responder.upgrade({101, {}});
                                     char buffer[10];
                                     co_await (*stream)->read_some(buffer, net::kNoDeadline);
                                   });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + connect_to("websocket"));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).status == 200; }));
}

TEST_P(H2Tunnels, AnUnreadTunnelKeepsLittle) {
  struct Slow {
    std::size_t read = 0;
  } slow;
  // Always leaves something unread, so that no moment comes at which all was taken.
  FunctionService<Slow> service(slow, [](Slow& s, Request&, Responder& responder) -> Task<void> {
    auto stream = co_await responder.upgrade({101, {}});
    char buffer[997];
    while (s.read < 900'000) {
      auto got = co_await (*stream)->read_some(buffer, net::in(Millis(10'000)));
      if (!got || *got == 0) co_return;
      s.read += *got;
      co_await net::sleep_until(std::chrono::steady_clock::now());
    }
    co_await (*stream)->shutdown_write(net::in(Millis(1'000)));
  });
  H2Peer peer(service, {}, 0);
  peer.send(preface() + connect_to("websocket"));
  std::size_t sent = 0, window = 65'535;
  std::size_t seen = 0;
  while (sent < 1'000'000 && !peer.stream(1).done()) {
    while (window >= 16'384 && sent < 1'000'000) {
      peer.send(data(1, std::string(16'384, 'a')));
      sent += 16'384;
      window -= 16'384;
    }
    peer.wait_for([&](H2Reading& got) { return opened_by(got) > seen || got.stream(1).done(); });
    window += opened_by(peer.got) - seen;
    seen = opened_by(peer.got);
  }
  EXPECT_GE(slow.read, 900'000u);
}

}  // namespace
}  // namespace openunison::http::testing
