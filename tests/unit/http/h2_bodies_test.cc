// SPDX-License-Identifier: Apache-2.0
//
// Bodies of requests over HTTP/2: when they are asked for, held back, refused and left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "h2_splits.h"

namespace openunison::http::testing {
namespace {

using ::testing::ElementsAre;

class H2Bodies : public H2Splits {};
INSTANTIATE_TEST_SUITE_P(Splits, H2Bodies, ::testing::Values(0, 1, 7));

TEST_P(H2Bodies, ContinueIsSaidWhenTheBodyIsWanted) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"expect", "100-continue"}}));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).status == 100; }));
  peer.send(data(1, "hello", true));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_THAT(peer.stream(1).interim, ElementsAre(100));
  EXPECT_EQ(peer.stream(1).body, "POST / example.com [hello]");
}

TEST_P(H2Bodies, ContinueIsNotSaidWhereNobodyReads) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"expect", "100-continue"}}));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_TRUE(peer.stream(1).interim.empty());
  EXPECT_EQ(peer.stream(1).status, 200);
}

// RFC 9113 §8.1: the answer is there with its end, whatever the client still sends.
TEST_P(H2Bodies, AnEarlyAnswerIsWholeAndThenTheClientIsStopped) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).ended; }));
  EXPECT_FALSE(peer.stream(1).reset);
  for (int i = 0; i < 3; ++i) peer.send(data(1, std::string(16'384, 'a')));
  peer.send(data(1, std::string(16'383, 'a')));  // the window is full
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).reset.has_value(); }));
  EXPECT_EQ(peer.stream(1).reset, kNoError);
  peer.send(h2_get(3, "/after"));
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_EQ(peer.stream(3).body, "/after");
}

TEST_P(H2Bodies, AnEarlyAnswerDoesNotHideWhatIsWrong) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"content-length", "5"}}));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).ended; }));
  peer.send(data(1, "hel", true));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).reset.has_value(); }));
  EXPECT_EQ(peer.stream(1).reset, kProtocolError);
}

TEST_P(H2Bodies, AnEarlyAnswerAndTheRestOfTheRequest) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).ended; }));
  peer.send(data(1, "hello", true) + h2_get(3));
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_FALSE(peer.stream(1).reset);
}

// What a service does not take, the client may not send: windows are opened by reading.
TEST_P(H2Bodies, AServiceThatDoesNotReadHoldsTheClientBack) {
  struct Gate {
    net::Completion open;
    std::size_t read = 0;
  } gate;
  FunctionService<Gate> service(gate,
                                [](Gate& g, Request& request, Responder& responder) -> Task<void> {
                                  co_await g.open.wait(net::in(Millis(10'000)));
                                  char buffer[1000];
                                  for (;;) {
                                    auto got = co_await request.body->read(buffer);
                                    if (!got || *got == 0) break;
                                    g.read += *got;
                                  }
                                  co_await responder.send(text(200, std::to_string(g.read)));
                                });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1));
  for (int i = 0; i < 3; ++i) peer.send(data(1, std::string(16'384, 'a')));
  peer.send(data(1, std::string(16'383, 'a')) + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  EXPECT_EQ(opened_by(peer.got), 0u);
  gate.open.complete();
  ASSERT_TRUE(peer.wait_for([&](H2Reading& got) { return opened_by(got) >= 30'000; }));
  peer.send(data(1, "end", true));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body, std::to_string(65'535 + 3));
}

TEST_P(H2Bodies, MoreThanTheWindowIsRefused) {
  struct Gate {
    net::Completion open;
  } gate;
  FunctionService<Gate> service(gate, [](Gate& g, Request&, Responder& responder) -> Task<void> {
    co_await g.open.wait(net::in(Millis(10'000)));
    co_await responder.send(text(200, ""));
  });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1));
  for (int i = 0; i < 4; ++i) peer.send(data(1, std::string(16'384, 'a')));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).reset.has_value(); }));
  EXPECT_EQ(peer.stream(1).reset, kFlowControlError);
  gate.open.complete();
}

TEST_P(H2Bodies, ABodyThatIsCancelledEndsInAnError) {
  struct Seen {
    std::optional<Error> error;
  } seen;
  FunctionService<Seen> service(seen,
                                [](Seen& s, Request& request, Responder& responder) -> Task<void> {
                                  auto body = co_await read_all(*request.body, 1000);
                                  if (!body) s.error = body.error();
                                  co_await responder.send(text(200, ""));
                                });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1) + data(1, "hel") + reset(1) + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  peer.let_run(Millis(5));
  ASSERT_TRUE(seen.error);
  EXPECT_TRUE(seen.error->is(Errc::body_ended_early));
}

TEST_P(H2Bodies, ABodyThatTricklesIs408) {
  MirrorService mirror;
  Limits limits;
  limits.rate_grace = Millis(50);
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + h2_post(1) + data(1, "h"));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).status, 408);
}

}  // namespace
}  // namespace openunison::http::testing
