// SPDX-License-Identifier: Apache-2.0
//
// Answers of the server over HTTP/2: their fields, their bodies, and readers who are slow to take
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "h2_splits.h"

namespace openunison::http::testing {
namespace {

using ::testing::MatchesRegex;

class H2Answers : public H2Splits {};
INSTANTIATE_TEST_SUITE_P(Splits, H2Answers, ::testing::Values(0, 1, 7));

TEST_P(H2Answers, AnswersCarryWhatEveryAnswerMust) {
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

TEST_P(H2Answers, AnnouncesWhatItOffersAndNoMore) {
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
TEST_P(H2Answers, RequestsRunSideBySide) {
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

TEST_P(H2Answers, CookieCrumbsAreOneValue) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(text(200, request.headers.joined("cookie")));
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + headers(1, request_fields({{"cookie", "a=b"}, {"cookie", "c=d"}})));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body, "a=b; c=d");
}

TEST_P(H2Answers, ServicesSeeNoFieldOfTheConnection) {
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

TEST_P(H2Answers, HeadHasALengthAndNoBody) {
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

TEST_P(H2Answers, StatusesWithoutBodyHaveNone) {
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

// Endless answers to a client that reads nothing, or whose windows are shut.
TEST_P(H2Answers, ASlowReaderCostsABoundedAmount) {
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

TEST_P(H2Answers, AShutWindowStopsTheService) {
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

TEST_P(H2Answers, AReaderThatStandsStillLosesItsStream) {
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

TEST_P(H2Answers, AnAnswerThatIsCutIsReset) {
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

// nghttp2 doesn't send such a head, and doesn't end its stream either.
TEST_P(H2Answers, AnAnswerThatIsTooLargeToBeSentEndsItsStream) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        const std::size_t size = request.path == "/large" ? 70'000 : 8'000;
        co_await responder.send({303, {{"location", "/" + std::string(size, 'a')}}, ""});
      });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1, "/large") + h2_get(3, "/fits") + h2_get(5, "/large"));
  for (const int id : {1, 3, 5}) ASSERT_TRUE(peer.wait_for_answer(id));
  EXPECT_EQ(peer.stream(1).reset, kInternalError);
  EXPECT_EQ(peer.stream(3).status, 303);
  EXPECT_EQ(peer.stream(5).reset, kInternalError);
}

TEST_P(H2Answers, AServiceWithoutAnAnswerIs500) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder&) -> Task<void> { co_return; });
  H2Peer peer(service, {}, GetParam());
  peer.send(preface() + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).status, 500);
}

}  // namespace
}  // namespace openunison::http::testing
