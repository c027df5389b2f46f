// SPDX-License-Identifier: Apache-2.0
//
// One HTTP/2 connection of the server from its preface to its end: times, streams at once,
// draining.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "h2_splits.h"

namespace openunison::http::testing {
namespace {

using ::testing::ElementsAre;

class H2Connection : public H2Splits {};
INSTANTIATE_TEST_SUITE_P(Splits, H2Connection, ::testing::Values(0, 1, 7));

TEST_P(H2Connection, AHeadThatTricklesEndsTheConnection) {
  MirrorService mirror;
  Limits limits;
  limits.header_timeout = Millis(50);
  const double before = metric("openunison_http_refused_total{reason=\"header_time\"}");
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + frame(kHeaders, kEndStream, 1, fields(request_fields())));
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.got.go_aways, ElementsAre(kEnhanceYourCalm));
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"header_time\"}"), before + 1);
}

TEST_P(H2Connection, APrefaceThatDoesNotComeEndsTheConnection) {
  MirrorService mirror;
  Limits limits;
  limits.first_byte_timeout = limits.header_timeout = Millis(50);
  H2Peer silent(mirror, limits, GetParam());
  EXPECT_TRUE(silent.wait_for_end());
  H2Peer half(mirror, limits, GetParam());
  half.send(magic().substr(0, 10));
  EXPECT_TRUE(half.wait_for_end());
}

TEST_P(H2Connection, AnIdleConnectionEndsInGoodOrder) {
  MirrorService mirror;
  Limits limits;
  limits.idle_timeout = limits.header_timeout = Millis(50);
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + h2_get(1));
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_EQ(peer.stream(1).status, 200);
  EXPECT_THAT(peer.got.go_aways, ElementsAre(kNoError));
  EXPECT_EQ(peer.got.last_stream, 1u);
}

// What broke once: the time of a head that was refused went on.
TEST_P(H2Connection, ARefusedHeadDoesNotEndTheConnectionLater) {
  MirrorService mirror;
  Limits limits;
  limits.header_timeout = Millis(50);
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + headers(1, request_fields({{"X", "a"}})));
  ASSERT_TRUE(peer.wait_for_answer(1));
  peer.let_run(Millis(120));
  peer.send(h2_get(3));
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_EQ(peer.stream(3).status, 200);
}

TEST_P(H2Connection, TooManyStreamsAtOnceAreRefused) {
  struct Gate {
    net::Completion open;
  } gate;
  FunctionService<Gate> service(gate, [](Gate& g, Request&, Responder& responder) -> Task<void> {
    co_await g.open.wait(net::in(Millis(10'000)));
    co_await responder.send(text(200, "ok"));
  });
  Limits limits;
  limits.streams_per_connection = 2;
  const double before = metric("openunison_http_refused_total{reason=\"h2_streams\"}");
  H2Peer peer(service, limits, GetParam());
  // Before our SETTINGS are acknowledged the client can't know better.
  peer.send(preface() + h2_get(1) + h2_get(3) + h2_get(5) + h2_post(7) + data(7, "a", true));
  ASSERT_TRUE(peer.wait_for_answer(7));
  EXPECT_EQ(peer.stream(5).reset, kRefusedStream);
  EXPECT_EQ(peer.stream(7).reset, kRefusedStream);
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"h2_streams\"}"), before + 2);
  gate.open.complete();
  for (const int id : {1, 3}) ASSERT_TRUE(peer.wait_for_answer(id));
  EXPECT_EQ(peer.stream(3).body, "ok");
}

// Cancelled requests don't count as streams, but their work goes on.
TEST_P(H2Connection, WorkOfCancelledRequestsIsBounded) {
  struct Running {
    net::Completion open;
    int now = 0, most = 0;
  } running;
  FunctionService<Running> service(running,
                                   [](Running& r, Request&, Responder& responder) -> Task<void> {
                                     r.most = std::max(r.most, ++r.now);
                                     co_await r.open.wait(net::in(Millis(10'000)));
                                     --r.now;
                                     co_await responder.send(text(200, ""));
                                   });
  Limits limits;
  limits.streams_per_connection = 4;
  H2Peer peer(service, limits, GetParam());
  std::string all = preface();
  for (std::uint32_t i = 0; i < 30; ++i) all += h2_get(2 * i + 1) + reset(2 * i + 1);
  peer.send(all + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  EXPECT_EQ(running.most, 8);
  running.open.complete();
}

// RFC 9113 §6.8: first a notice, then, once the client has seen it, the last request.
TEST_P(H2Connection, DrainsInTwoSteps) {
  struct Gate {
    net::Completion open;
  } gate;
  FunctionService<Gate> service(gate,
                                [](Gate& g, Request& request, Responder& responder) -> Task<void> {
                                  if (request.path == "/slow")
                                    co_await g.open.wait(net::in(Millis(10'000)));
                                  co_await responder.send(text(200, request.path));
                                });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1, "/slow") + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  peer.begin_drain();
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.count(kPing) > 1; }));
  EXPECT_THAT(peer.got.go_aways, ElementsAre(kNoError));
  EXPECT_EQ(peer.got.last_stream, 0x7fffffffu);
  peer.send(h2_get(3, "/on-its-way"));  // the client had not seen it
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_EQ(peer.stream(3).body, "/on-its-way");
  peer.send(frame(kPing, kAck, 0, std::string(8, '\0')));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.go_aways.size() > 1; }));
  EXPECT_EQ(peer.got.last_stream, 3u);
  peer.send(h2_post(5) + data(5, "too late", true));
  peer.let_run(Millis(5));
  gate.open.complete();
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_EQ(peer.stream(1).body, "/slow");
  EXPECT_FALSE(peer.stream(5).done());
  EXPECT_THAT(peer.got.go_aways, ElementsAre(kNoError, kNoError));
  EXPECT_LE(peer.got.count(kPing), 2u);  // ours once; the other is the answer to the client's
  peer.drop();
  EXPECT_TRUE(peer.server_ended());
}

TEST_P(H2Connection, DrainsAlsoWhereTheClientDoesNotAnswer) {
  struct Gate {
    net::Completion open;
  } gate;
  FunctionService<Gate> service(gate, [](Gate& g, Request&, Responder& responder) -> Task<void> {
    co_await g.open.wait(net::in(Millis(10'000)));
    co_await responder.send(text(200, "ok"));
  });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1) + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  peer.begin_drain();
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.go_aways.size() == 2; }));
  EXPECT_EQ(peer.got.last_stream, 1u);
  gate.open.complete();
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_EQ(peer.stream(1).body, "ok");
}

TEST_P(H2Connection, AnIdleConnectionDrainsAtOnce) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, GetParam());
  peer.send(preface() + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  peer.let_run(Millis(5));
  peer.begin_drain();
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.got.go_aways, ElementsAre(kNoError));
  peer.drop();
  EXPECT_TRUE(peer.server_ended());
}

TEST_P(H2Connection, TheLastAllowedRequestBeginsTheEnd) {
  MirrorService mirror;
  Limits limits;
  limits.requests_per_connection = 2;
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_TRUE(peer.got.go_aways.empty());
  peer.send(h2_get(3));
  EXPECT_TRUE(peer.wait_for([](H2Reading& got) { return !got.go_aways.empty(); }));
  peer.send(frame(kPing, kAck, 0, std::string(8, '\0')));
  EXPECT_TRUE(peer.wait_for_end());
  EXPECT_EQ(peer.stream(3).status, 200);
}

TEST_P(H2Connection, AClientThatIsGoneEndsItsRequests) {
  struct Seen {
    bool ended = false;
  } seen;
  FunctionService<Seen> service(seen,
                                [](Seen& s, Request& request, Responder& responder) -> Task<void> {
                                  auto body = co_await read_all(*request.body, 1000);
                                  auto writer = co_await responder.start({200, {}}, std::nullopt);
                                  s.ended = !body && !writer;
                                });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1) + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  peer.drop();
  EXPECT_TRUE(peer.server_ended());
  EXPECT_TRUE(seen.ended);
}

}  // namespace
}  // namespace openunison::http::testing
