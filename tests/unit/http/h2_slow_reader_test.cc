// SPDX-License-Identifier: Apache-2.0
//
// What an HTTP/2 client leaves untaken, and what it sends and nobody wants: how much of it is kept,
// and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "h2_peer.h"

namespace openunison::http::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kAnswer = 100'000;

double refused(const std::string& reason) {
  return metric("openunison_http_refused_total{reason=\"" + reason + "\"}");
}

Task<void> answer_much(Nothing&, Request&, Responder& responder) {
  co_await responder.send(text(200, std::string(kAnswer, 'a')));
}

// Its windows are shut until they are opened.
std::string shut_preface() {
  return magic() + settings({{4, 0}}) + window_update(0, 0x40000000);
}

std::size_t cut_off(H2Reading& got, std::int32_t streams) {
  std::size_t count = 0;
  for (std::int32_t id = 1; id < 2 * streams; id += 2)
    count += got.stream(id).reset == kEnhanceYourCalm ? 1 : 0;
  return count;
}

// What broke once: each of a hundred streams kept a whole answer in memory.
TEST(H2SlowReader, AnswersThatWaitAreBoundedOverAllStreams) {
  Nothing nothing;
  FunctionService<Nothing> service(nothing, answer_much);
  Limits limits;
  limits.waiting_bytes_per_connection = 3 * kAnswer + 1;
  const double before = refused("h2_waiting_bytes");
  H2Peer peer(service, limits);
  std::string all = shut_preface();
  for (std::uint32_t id = 1; id < 20; id += 2) all += h2_get(id);
  peer.send(all);
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return cut_off(got, 10) == 7; }));
  EXPECT_EQ(refused("h2_waiting_bytes"), before + 7);
  // The three that wait are whole once they are taken, and then there is room again.
  peer.send(settings({{4, 200'000}}));
  for (const int id : {1, 3, 5}) {
    ASSERT_TRUE(peer.wait_for_answer(id));
    EXPECT_EQ(peer.stream(id).body.size(), kAnswer);
  }
  peer.send(h2_get(21));
  ASSERT_TRUE(peer.wait_for_answer(21));
  EXPECT_EQ(peer.stream(21).body.size(), kAnswer);
}

TEST(H2SlowReader, OneAnswerIsNeverTooMuch) {
  Nothing nothing;
  FunctionService<Nothing> service(nothing, answer_much);
  Limits limits;
  limits.waiting_bytes_per_connection = 10;
  H2Peer peer(service, limits);
  peer.send(magic() + settings({{4, 200'000}}) + window_update(0, 0x40000000) + h2_get(1));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).body.size(), kAnswer);
}

TEST(H2SlowReader, ATrustedProxyMayLeaveMore) {
  Nothing nothing;
  FunctionService<Nothing> service(nothing, answer_much);
  Limits limits;
  limits.waiting_bytes_per_connection = kAnswer;
  Proxies proxies;
  proxies.trusted.push_back(*text::IpRange::parse("127.0.0.1"));
  H2Peer peer(service, limits, 0, std::move(proxies));
  std::string all = shut_preface();
  for (std::uint32_t id = 1; id < 40; id += 2) all += h2_get(id);
  peer.send(all);
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return cut_off(got, 20) == 4; }));
}

// A stream that times out here, since the client doesn't read, is no cheaper for it than one that
// it cancels: otherwise requests with shut windows cost nothing.
TEST(H2SlowReader, TimeoutsAreChargedAsResets) {
  Nothing nothing;
  FunctionService<Nothing> service(nothing,
                                   [](Nothing&, Request&, Responder& responder) -> Task<void> {
                                     co_await responder.send(text(200, "a"));
                                   });
  Limits limits;
  limits.rate_grace = Millis(1);
  const double before = refused("h2_resets");
  H2Peer peer(service, limits);
  peer.send(shut_preface());
  bool goes_on = true;
  for (std::uint32_t id = 1; goes_on && id < 4'000; id += 200) {
    std::string some;
    for (std::uint32_t each = id; each < id + 200; each += 2) some += h2_get(each);
    goes_on = peer.send(some) && peer.wait_for_answer(static_cast<std::int32_t>(id + 198));
  }
  EXPECT_FALSE(goes_on);
  EXPECT_THAT(peer.got.go_aways, Contains(kEnhanceYourCalm));
  EXPECT_EQ(refused("h2_resets"), before + 1);
}

std::size_t window_updates_of_connection(const H2Reading& got) {
  std::size_t count = 0;
  for (const ReceivedFrame& each : got.frames)
    count += each.type == kWindowUpdate && each.stream == 0 ? 1 : 0;
  return count;
}

// Refused requests: the answer can't go out, since the client's windows are shut. Their bodies are
// dropped all the same: the connection's window, which says what is kept, opens again.
TEST(H2SlowReader, BodiesOfRefusedRequestsAreNotKept) {
  struct Refused {
    const char* name;
    FieldList more;
    std::size_t in_flight;
    int status;
  };
  const Refused cases[] = {
      {"over the limit", {}, 0, 429},
      {"not to be read", {{"host", "another.example"}}, 100, 400},
  };
  for (const Refused& each : cases) {
    Nothing nothing;
    FunctionService<Nothing> service(nothing, ignore_body);
    Limits limits;
    limits.requests_in_flight_per_address = each.in_flight;
    H2Peer peer(service, limits);
    std::string all = shut_preface();
    for (std::uint32_t id = 1; id < 10; id += 2) {
      all += h2_post(id, each.more);
      for (int i = 0; i < 3; ++i) all += data(id, std::string(16'000, 'a'));
    }
    peer.send(all);
    // One is there from the start: the window is opened beyond the protocol's 64 KiB.
    EXPECT_TRUE(peer.wait_for([](H2Reading& got) {
      return got.stream(9).status != 0 && window_updates_of_connection(got) > 1;
    })) << each.name;
    EXPECT_EQ(peer.stream(1).status, each.status) << each.name;
    EXPECT_FALSE(peer.stream(1).done()) << each.name;
  }
}

TEST(H2SlowReader, ContinueIsNotSaidBehindTheAnswer) {
  struct Seen {
    std::string body;
  } seen;
  FunctionService<Seen> service(seen,
                                [](Seen& s, Request& request, Responder& responder) -> Task<void> {
                                  co_await responder.send(text(200, "early"));
                                  auto body = co_await read_all(*request.body, 100);
                                  if (body) s.body = *body;
                                });
  H2Peer peer(service);
  peer.send(preface() + h2_post(1, {{"expect", "100-continue"}}));
  ASSERT_TRUE(peer.wait_for_answer(1));
  peer.let_run();
  peer.send(data(1, "hello", true) + ping());
  ASSERT_TRUE(peer.wait_for([](H2Reading& got) { return got.pongs > 0; }));
  EXPECT_THAT(peer.stream(1).interim, IsEmpty());
  EXPECT_EQ(peer.stream(1).status, 200);
  EXPECT_EQ(peer.got.count(kHeaders), 1u);
  EXPECT_EQ(seen.body, "hello");
}

// RFC 7541 §7.1.3: what is in a table can be guessed by who sees lengths.
TEST(H2SlowReader, SecretsOfAnswersAreInNoTable) {
  Nothing nothing;
  FunctionService<Nothing> service(
      nothing, [](Nothing&, Request&, Responder& responder) -> Task<void> {
        co_await responder.send({303,
                                 {{"set-cookie", "session=secret"},
                                  {"location", "https://a.example/?code=secret"},
                                  {"cache-control", "no-store"}},
                                 ""});
      });
  H2Peer peer(service);
  peer.send(preface() + h2_get(1) + h2_get(3));
  for (const int id : {1, 3}) {
    ASSERT_TRUE(peer.wait_for_answer(id));
    EXPECT_THAT(peer.stream(id).never_indexed,
                UnorderedElementsAre("set-cookie", "location", "x-request-id"));
  }
}

// What is another each time is in no table either: there it pushes out, again and again, the fields
// that are the same in every answer.
TEST(H2SlowReader, IdsOfAnswersPushNothingOutOfTheTable) {
  MirrorService mirror;
  H2Peer peer(mirror);
  peer.send(preface());
  constexpr std::uint32_t kAnswers = 500;
  for (std::uint32_t i = 0; i < kAnswers; ++i) {
    peer.send(h2_get(2 * i + 1));
    ASSERT_TRUE(peer.wait_for_answer(static_cast<std::int32_t>(2 * i + 1)));
  }
  std::vector<std::size_t> heads;
  for (const ReceivedFrame& frame : peer.got.frames) {
    if (frame.type == kHeaders) heads.push_back(frame.payload.size());
  }
  ASSERT_EQ(heads.size(), kAnswers);
  // All but the first have their fields from the table; the date may change once or twice.
  constexpr std::size_t kOneField = 10;
  const auto longer = std::count_if(heads.begin() + 1, heads.end(),
                                    [&](std::size_t size) { return size > heads[1] + kOneField; });
  EXPECT_LE(longer, 3);
}

// A body that comes fast at first has earned by that no silence later.
TEST(H2SlowReader, ABodyThatFallsSilentIs408) {
  MirrorService mirror;
  Limits limits;
  limits.rate_grace = Millis(3'600'000);
  limits.body_silence = Millis(50);
  const double before = refused("body_time");
  H2Peer peer(mirror, limits);
  peer.send(preface() + h2_post(1) + data(1, std::string(16'000, 'a')));
  ASSERT_TRUE(peer.wait_for_answer(1));
  EXPECT_EQ(peer.stream(1).status, 408);
  EXPECT_EQ(refused("body_time"), before + 1);
}

}  // namespace
}  // namespace openunison::http::testing
