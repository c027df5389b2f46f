// SPDX-License-Identifier: Apache-2.0
//
// What costs a client little and us much: each kind ends the connection with ENHANCE_YOUR_CALM, is
// counted under its own reason, and stays far below where it would end an honest client's.
#include <gtest/gtest.h>

#include "h2_peer.h"

namespace openunison::http::testing {
namespace {

struct Flood {
  std::string name, reason;
  std::string before;  // once, behind the preface
  // The frames of one round; `id` is a new stream's.
  std::string (*round)(std::uint32_t id);
  std::size_t rounds;    // enough for the connection to end
  std::size_t harmless;  // so many are served
};

void PrintTo(const Flood& flood, std::ostream* out) {
  *out << flood.name;
}

using Id = std::uint32_t;

std::string split_head(Id id, std::size_t frames) {
  return frame(kHeaders, kEndStream, id, fields(request_fields())) +
         repeated(frame(kContinuation, kNone, id, fields({{"x", "a"}})), frames - 1) +
         frame(kContinuation, kEndHeaders, id);
}

std::vector<Flood> floods() {
  return {
      // CVE-2023-44487.
      {"rapid reset", "h2_resets", "", [](Id id) { return h2_get(id) + reset(id); }, 300, 50},
      // CVE-2025-8671: the client makes us reset.
      {"resets by a wrong field", "h2_resets", "",
       [](Id id) { return headers(id, request_fields({{"X", "a"}})); }, 300, 50},
      {"resets by a wrong length", "h2_resets", "",
       [](Id id) { return h2_post(id, {{"content-length", "1"}}) + data(id, "ab", true); }, 300,
       50},
      {"resets by a wrong window", "h2_resets", "",
       [](Id id) { return h2_post(id) + window_update(id, 0x7fffffff); }, 300, 50},
      // CVE-2024-27316, CVE-2024-28182.
      {"continuations", "h2_continuations", "", [](Id id) { return split_head(id, 9); }, 1, 0},
      {"empty continuations", "h2_continuations",
       frame(kHeaders, kEndStream, 1, fields(request_fields())),
       [](Id) { return frame(kContinuation, kNone, 1); }, 9, 0},
      // CVE-2019-9515.
      {"settings", "h2_settings", "", [](Id) { return settings(); }, 50, 10},
      // CVE-2019-9512.
      {"pings", "h2_pings", "", [](Id) { return ping(); }, 100, 30},
      // CVE-2019-9518.
      {"empty data", "h2_empty_frames", h2_post(1), [](Id) { return data(1, ""); }, 300, 50},
      {"padding alone", "h2_empty_frames", h2_post(1),
       [](Id) { return frame(kData, kPadded, 1, std::string("\x02\0\0", 3)); }, 300, 50},
      // CVE-2019-9513.
      {"priorities", "h2_control_frames", "",
       [](Id id) { return frame(kPriority, kNone, id, big_endian(0, 4) + "\x10"); }, 1500, 500},
      {"window updates", "h2_control_frames", "", [](Id) { return window_update(0, 1); }, 1500,
       500},
      {"unknown frames", "h2_control_frames", "", [](Id) { return frame(0x42, 0, 0, "a"); }, 1500,
       500},
      {"acknowledgements of pings", "h2_control_frames", "",
       [](Id) { return frame(kPing, kAck, 0, "12345678"); }, 1500, 500},
  };
}

class H2Floods : public ::testing::TestWithParam<Flood> {
 protected:
  static double refused(const std::string& reason) {
    return metric("openunison_http_refused_total{reason=\"" + reason + "\"}");
  }
  static std::string rounds(std::size_t count) {
    std::string all = preface() + GetParam().before;
    for (std::size_t i = 0; i < count; ++i) all += GetParam().round(static_cast<Id>(2 * i + 3));
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(All, H2Floods, ::testing::ValuesIn(floods()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
});

TEST_P(H2Floods, EndTheConnectionAndAreCounted) {
  const double before = refused(GetParam().reason);
  MirrorService mirror;
  H2Peer peer(mirror);
  peer.send(rounds(GetParam().rounds));
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
  EXPECT_EQ(refused(GetParam().reason), before + 1);
}

TEST_P(H2Floods, FewAreServed) {
  if (GetParam().harmless == 0) return;
  MirrorService mirror;
  H2Peer peer(mirror);
  peer.send(rounds(GetParam().harmless) + h2_get(9001, "/after"));
  ASSERT_TRUE(peer.wait_for_answer(9001));
  EXPECT_EQ(peer.stream(9001).status, 200);
  EXPECT_TRUE(peer.got.go_aways.empty());
}

// --- Of a trusted proxy, behind which are many ---

Proxies trusted_proxy() {
  Proxies proxies;
  proxies.trusted.push_back(*text::IpRange::parse("127.0.0.1"));
  return proxies;
}

// Few at a time, so that it isn't the number of streams at once that ends it. False: the server
// closed.
bool cancel_requests(H2Peer& peer, Id count) {
  peer.send(preface());
  for (Id id = 1; id < 2 * count; id += 100) {
    std::string some;
    for (Id i = id; i < id + 98; i += 2) some += h2_get(i) + reset(i);
    const auto last = static_cast<std::int32_t>(id + 98);
    if (!peer.send(some + h2_get(id + 98)) || !peer.wait_for_answer(last)) return false;
  }
  return true;
}

// What broke once: one person who cancels much ended the connection for all.
TEST(H2FloodOfAProxy, ManyPeopleMayCancelTheirRequests) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, 0, trusted_proxy());
  ASSERT_TRUE(cancel_requests(peer, 2'000));
  peer.send(h2_get(9001, "/after"));
  ASSERT_TRUE(peer.wait_for_answer(9001));
  EXPECT_EQ(peer.stream(9001).status, 200);
  EXPECT_TRUE(peer.got.go_aways.empty());
}

TEST(H2FloodOfAProxy, IsBoundedToo) {
  MirrorService mirror;
  H2Peer peer(mirror, {}, 0, trusted_proxy());
  EXPECT_FALSE(cancel_requests(peer, 8'000));
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
}

TEST(H2FloodOfAProxy, SettingsAndPingsAreItsOwn) {
  for (const std::string& frames : {repeated(settings(), 50), repeated(ping(), 100)}) {
    MirrorService mirror;
    H2Peer peer(mirror, {}, 0, trusted_proxy());
    peer.send(preface() + frames);
    EXPECT_TRUE(peer.wait_for_end());
    ASSERT_FALSE(peer.got.go_aways.empty());
    EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
  }
}

// A field in the table of 4 KiB, named again and again by one byte each.
TEST(H2Flood, AHeadThatIsABomb) {
  const double before = metric("openunison_http_refused_total{reason=\"h2_header_bomb\"}");
  MirrorService mirror;
  H2Peer peer(mirror);
  const std::string entry = "\x40" + hpack_string("x-bomb") + hpack_string(std::string(3900, 'a'));
  peer.send(preface() + frame(kHeaders, kEndHeaders | kEndStream, 1,
                              fields(request_fields()) + entry + std::string(10'000, '\xbe')));
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"h2_header_bomb\"}"), before + 1);
  EXPECT_EQ(mirror.requests, 0);
}

// The same in trailers, which are dropped.
TEST(H2Flood, TrailersThatAreABomb) {
  MirrorService mirror;
  H2Peer peer(mirror);
  const std::string entry = "\x40" + hpack_string("x-bomb") + hpack_string(std::string(3900, 'a'));
  peer.send(preface() + h2_post(1) +
            frame(kHeaders, kEndHeaders | kEndStream, 1, entry + std::string(10'000, '\xbe')));
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
}

// Refused streams are answered by a frame each; a client that reads none of them.
TEST(H2Flood, AnswersThatNobodyReadsAreBounded) {
  struct Gate {
    net::Completion open;
  } gate;
  FunctionService<Gate> service(gate, [](Gate& g, Request&, Responder& responder) -> Task<void> {
    co_await g.open.wait(net::in(Millis(10'000)));
    co_await responder.send(text(200, ""));
  });
  Limits limits;
  limits.streams_per_connection = 1;
  H2Peer peer(service, limits);
  std::string all = preface();
  for (Id id = 1; id < 20'001; id += 2) all += h2_get(id);
  peer.send(all);
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kEnhanceYourCalm);
  gate.open.complete();
}

// What is on its way to a stream that we reset is overlooked, but not for ever.
TEST(H2Flood, DataOnAResetStreamEnds) {
  MirrorService mirror;
  H2Peer peer(mirror);
  peer.send(preface() + h2_post(1, {{"X", "a"}}));
  ASSERT_TRUE(peer.wait_for_answer(1));
  for (int i = 0; i < 3; ++i) peer.send(data(1, std::string(16'384, 'a')));
  peer.send(h2_get(3));
  ASSERT_TRUE(peer.wait_for_answer(3));
  peer.send(data(1, std::string(16'384, 'a')));
  EXPECT_TRUE(peer.wait_for_end());
  ASSERT_FALSE(peer.got.go_aways.empty());
  EXPECT_EQ(peer.got.go_aways.back(), kStreamClosed);
}

}  // namespace
}  // namespace openunison::http::testing
