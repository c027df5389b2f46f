// SPDX-License-Identifier: Apache-2.0
//
// One HTTP/2 connection of the server, in memory: answers, bodies both ways, tunnels, draining.
// Also with reads of one byte and of seven.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "h2_peer.h"

namespace openunison::http::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;

// By how much the window of stream 1 was opened.
std::size_t opened_by(const H2Reading& got) {
  std::size_t sum = 0;
  for (const ReceivedFrame& each : got.frames) {
    if (each.type != kWindowUpdate || each.stream != 1) continue;
    std::size_t value = 0;
    for (const char byte : each.payload) value = value << 8 | static_cast<unsigned char>(byte);
    sum += value;
  }
  return sum;
}

class H2Connection : public ::testing::TestWithParam<std::size_t> {
 protected:
  Nothing nothing_;
};

INSTANTIATE_TEST_SUITE_P(Splits, H2Connection, ::testing::Values(0, 1, 7));

TEST_P(H2Connection, AnswersCarryWhatEveryAnswerMust) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, GetParam());
  peer.send(preface() + h2_get(1, "/a"));
  ASSERT_TRUE(peer.wait_for_answer(1));
  const H2Answer& answer = peer.stream(1);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /a example.com []");
  EXPECT_THAT(answer.header("date"),
              MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT"));
  EXPECT_THAT(answer.header("x-request-id"), MatchesRegex("[A-Za-z0-9_-]{16}"));
  EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.header("content-length"), std::to_string(answer.body.size()));
  EXPECT_EQ(answer.header("connection"), "");
}

TEST_P(H2Connection, AnnouncesWhatItOffersAndNoMore) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, GetParam());
  peer.send(preface() + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  ASSERT_FALSE(peer.got.frames.empty());
  const ReceivedFrame& first = peer.got.frames.front();
  EXPECT_EQ(first.type, kSettings);
  // Streams at once, list size, extended CONNECT, no priorities: in this order.
  EXPECT_EQ(first.payload, big_endian(3, 2) + big_endian(100, 4) + big_endian(6, 2) +
                               big_endian(48 * 1024, 4) + big_endian(8, 2) + big_endian(1, 4) +
                               big_endian(9, 2) + big_endian(1, 4));
}

// Each answers when the one after it has been asked for: only if they run side by side.
TEST_P(H2Connection, RequestsRunSideBySide) {
  struct Waiting {
    std::vector<std::shared_ptr<net::Completion>> gates;
  } waiting;
  for (int i = 0; i < 10; ++i) waiting.gates.push_back(std::make_shared<net::Completion>());
  FunctionService<Waiting> service(
      waiting, [](Waiting& w, Request& request, Responder& responder) -> Task<void> {
        const std::size_t number = std::stoul(request.path.substr(1));
        if (number > 0) w.gates[number - 1]->complete();
        if (number + 1 < w.gates.size()) co_await w.gates[number]->wait(net::in(Millis(10'000)));
        co_await responder.send(text(200, request.path));
      });
  H2Peer peer(service, {}, GetParam());
  std::string all = preface();
  for (std::uint32_t i = 0; i < 10; ++i) all += h2_get(2 * i + 1, "/" + std::to_string(i));
  peer.send(all);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(peer.wait_for_answer(2 * i + 1));
    EXPECT_EQ(peer.stream(2 * i + 1).body, "/" + std::to_string(i));
  }
}

TEST_P(H2Connection, CookieCrumbsAreOneValue) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(text(200, request.headers.joined("cookie")));
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + headers(1, request_fields({{"cookie", "a=b"}, {"cookie", "c=d"}})));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body, "a=b; c=d");
}

TEST_P(H2Connection, ServicesSeeNoFieldOfTheConnection) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        std::string names;
        for (const Field& field : request.headers.fields()) names += field.name + " ";
        co_await responder.send(text(200, names));
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + headers(1, request_fields({{"host", "example.com"},
                                                   {"te", "trailers"},
                                                   {"trailer", "x"},
                                                   {"expect", "100-continue"},
                                                   {"x-a", "b"}})));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body, "x-a ");
}

TEST_P(H2Connection, HeadHasALengthAndNoBody) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        if (request.path == "/sent") {
          co_await responder.send(text(200, "hello"));
          co_return;
        }
        auto writer = co_await responder.start({200, {}}, 5);
        co_await (*writer)->write("hello");
        co_await (*writer)->finish();
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + headers(1, request_fields({}, "HEAD", "/sent")) +
            headers(3, request_fields({}, "HEAD", "/known")) +
            headers(5, request_fields({}, "HEAD", "/a//b")));
  for (const int id : {1, 3, 5}) {
    ASSERT_TRUE(peer.wait_for_answer(id));
    EXPECT_EQ(peer.stream(id).body, "");
    EXPECT_NE(peer.stream(id).header("content-length"), "");
  }
  EXPECT_EQ(peer.stream(1).header("content-length"), "5");
  EXPECT_EQ(peer.stream(5).status, 400);  // one that can't be read has no body either
}

TEST_P(H2Connection, StatusesWithoutBodyHaveNone) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(text(request.path == "/204" ? 204 : 304, "hello"));
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1, "/204") + h2_get(3, "/304"));
  for (const int id : {1, 3}) {
    ASSERT_TRUE(peer.wait_for_answer(id));
    EXPECT_EQ(peer.stream(id).body, "");
    EXPECT_EQ(peer.stream(id).header("content-length"), "");
  }
}

TEST_P(H2Connection, ContinueIsSaidWhenTheBodyIsWanted) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"expect", "100-continue"}}));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).status == 100; }));
  peer.send(data(1, "hello", true));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_THAT(peer.stream(1).interim, ElementsAre(100));
  EXPECT_EQ(peer.stream(1).body, "POST / example.com [hello]");
}

TEST_P(H2Connection, ContinueIsNotSaidWhereNobodyReads) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"expect", "100-continue"}}));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_TRUE(peer.stream(1).interim.empty());
  EXPECT_EQ(peer.stream(1).status, 200);
}

// RFC 9113 §8.1: the answer is there with its end, whatever the client still sends.
TEST_P(H2Connection, AnEarlyAnswerIsWholeAndThenTheClientIsStopped) {
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

TEST_P(H2Connection, AnEarlyAnswerDoesNotHideWhatIsWrong) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1, {{"content-length", "5"}}));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).ended; }));
  peer.send(data(1, "hel", true));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).reset.has_value(); }));
  EXPECT_EQ(peer.stream(1).reset, kProtocolError);
}

TEST_P(H2Connection, AnEarlyAnswerAndTheRestOfTheRequest) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_post(1));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).ended; }));
  peer.send(data(1, "hello", true) + h2_get(3));
  ASSERT_TRUE(peer.wait_for_answer(3));
  EXPECT_FALSE(peer.stream(1).reset);
}

// What a service does not take, the client may not send: windows are opened by reading.
TEST_P(H2Connection, AServiceThatDoesNotReadHoldsTheClientBack) {
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

TEST_P(H2Connection, MoreThanTheWindowIsRefused) {
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

// Endless answers to a client that reads nothing, or whose windows are shut.
TEST_P(H2Connection, ASlowReaderCostsABoundedAmount) {
  struct Written {
    std::size_t bytes = 0;
  } written;
  FunctionService<Written> service(
      written, [](Written& w, Request&, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start({200, {}}, std::nullopt);
        const std::string part(10'000, 'a');
        for (;;) {
          auto done = co_await (*writer)->write(part);
          if (!done) co_return;
          w.bytes += part.size();
        }
      });
  H2Peer peer(service, {}, GetParam());
  std::string all = magic() + settings({{4, 0x7fffffff}}) + window_update(0, 0x40000000);
  for (std::uint32_t i = 0; i < 100; ++i) all += h2_get(2 * i + 1);
  peer.send(all);
  peer.let_run();
  // The pipe's 64 KiB, one piece of frames on its way, and a part in each service.
  EXPECT_LE(written.bytes, 200'000u);
  peer.let_run();
  EXPECT_LE(written.bytes, 200'000u);
  EXPECT_GT(written.bytes, 0u);
}

TEST_P(H2Connection, AShutWindowStopsTheService) {
  struct Written {
    std::size_t bytes = 0;
  } written;
  FunctionService<Written> service(
      written, [](Written& w, Request&, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start({200, {}}, std::nullopt);
        for (int i = 0; i < 10; ++i) {
          auto done = co_await (*writer)->write("0123456789");
          if (!done) co_return;
          w.bytes += 10;
        }
        co_await (*writer)->finish();
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(magic() + settings({{4, 15}}) + h2_get(1));
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.stream(1).body.size() == 15; }));
  peer.let_run();
  EXPECT_EQ(written.bytes, 10u);
  peer.send(window_update(1, 1000));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body.size(), 100u);
}

TEST_P(H2Connection, AReaderThatStandsStillLosesItsStream) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder& responder) -> Task<void> {
                                     co_await responder.send(text(200, std::string(100, 'a')));
                                   });
  Limits limits;
  limits.rate_grace = Millis(50);
  const double before = metric("openunison_http_refused_total{reason=\"write_time\"}");
  H2Peer peer(service, limits, GetParam());
  peer.send(magic() + settings({{4, 0}}) + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).reset, kInternalError);
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"write_time\"}"), before + 1);
}

TEST_P(H2Connection, AnAnswerThatIsCutIsReset) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start({200, {}}, 10);
        co_await (*writer)->write("hello");
        if (request.path == "/long") co_await (*writer)->write("more than that");
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1, "/short") + h2_get(3, "/long"));
  for (const int id : {1, 3}) {
    ASSERT_TRUE(peer.wait_for_answer(id));
    EXPECT_EQ(peer.stream(id).reset, kInternalError);
    EXPECT_FALSE(peer.stream(id).ended);
  }
}

TEST_P(H2Connection, AServiceWithoutAnAnswerIs500) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder&) -> Task<void> { co_return; });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).status, 500);
}

TEST_P(H2Connection, ABodyThatIsCancelledEndsInAnError) {
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

TEST_P(H2Connection, ABodyThatTricklesIs408) {
  MirrorService mirror;
  Limits limits;
  limits.rate_grace = Millis(50);
  H2Peer peer(mirror, limits, GetParam());
  peer.send(preface() + h2_post(1) + data(1, "h"));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).status, 408);
}

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

// --- Tunnels (RFC 8441) ---

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

TEST_P(H2Connection, TunnelsCarryBytesBothWays) {
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

TEST_P(H2Connection, TunnelsPassTheLimitOfBodies) {
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

TEST_P(H2Connection, ATunnelThatIsClosedHereIsCancelled) {
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
TEST_P(H2Connection, ATunnelMayOutliveItsConnection) {
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
TEST_P(H2Connection, ATunnelMayEndWithTheRuntime) {
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

TEST_P(H2Connection, AnUnreadTunnelKeepsLittle) {
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
