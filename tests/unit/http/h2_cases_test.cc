// SPDX-License-Identifier: Apache-2.0
//
// The table of h2_cases.h through whole connections. After each, unless the connection is to end,
// another request must be served on it.
#include "h2_cases.h"

#include <gtest/gtest.h>

#include <set>

#include "h2_peer.h"

namespace openunison::http::testing {

void PrintTo(const H2Outcome& outcome, std::ostream* out) {
  *out << outcome.status << " " << outcome.summary;
  if (outcome.reset) *out << " reset " << *outcome.reset;
  if (outcome.go_away) *out << " goaway " << *outcome.go_away;
  if (outcome.closed) *out << " closed";
}

void PrintTo(const H2Case& each, std::ostream* out) {
  *out << each.name;
}

namespace {

bool failed(const H2Reading& got) {
  return !got.go_aways.empty() && got.go_aways.back() != kNoError;
}

H2Outcome outcome_of(H2Peer& peer, std::int32_t stream) {
  const bool done =
      peer.wait_for([stream](H2Reading& got) { return got.stream(stream).done() || failed(got); });
  if (!done) return {0, "", {}, {}, true};
  if (failed(peer.got)) return leaves(peer.got.go_aways.back());
  const H2Answer& answer = peer.stream(stream);
  if (answer.reset) return resets(*answer.reset);
  return answered(answer.status, answer.status == 200 ? answer.body : "");
}

class H2Cases : public ::testing::TestWithParam<H2Case> {
 protected:
  void run(std::size_t split) {
    const H2Case& each = GetParam();
    MirrorService mirror;
    H2Peer peer(mirror, case_limits(), split);
    peer.send(each.bytes);
    ASSERT_EQ(outcome_of(peer, each.stream), each.expected) << each.section;
    if (each.expected.go_away || each.expected.closed) {
      EXPECT_TRUE(peer.wait_for_end());
      peer.drop();
      EXPECT_TRUE(peer.server_ended());
    } else if (each.name != "goaway of the client") {
      peer.send(h2_get(101, "/after"));
      EXPECT_EQ(outcome_of(peer, 101), mirrored("GET /after example.com []"));
    }
  }
};

TEST_P(H2Cases, ServedWhole) {
  run(0);
}

TEST_P(H2Cases, ServedByteByByte) {
  run(1);
}

std::string test_name(const ::testing::TestParamInfo<H2Case>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, H2Cases, ::testing::ValuesIn(all_h2_cases()), test_name);

TEST(H2CaseTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const H2Case& each : all_h2_cases())
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
}

TEST(H2CaseTable, HasAtLeastAHundredHostileForms) {
  EXPECT_GE(all_h2_cases().size() - h2_good_cases().size(), 100u);
}

}  // namespace
}  // namespace openunison::http::testing
