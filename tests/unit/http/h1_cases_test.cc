// SPDX-License-Identifier: Apache-2.0
//
// The table of h1_cases.h against the pure parser and decoder, and through whole connections.
#include "h1_cases.h"

#include <gtest/gtest.h>

#include <set>

#include "connection_fixture.h"
#include "http/h1/body_decoder.h"
#include "http/h1/head_parser.h"

namespace openunison::http::testing {
namespace {

struct Outcome {
  int status = 0;
  std::string summary;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << outcome.status << " " << outcome.summary;
}

std::string summary_of(const h1::ParsedRequest& head, const std::string& body) {
  return head.method + " " + head.path + (head.query.empty() ? "" : "?" + head.query) + " " +
         head.authority.text() + " [" + body + "]";
}

// What a connection does, without one: `parts` arrive one after the other, then the end.
Outcome run_pure(const std::vector<std::string_view>& parts) {
  const Limits limits = case_limits();
  h1::RequestParser parser(limits, false);
  std::string buffer, body;
  std::optional<h1::ParsedRequest> head;
  std::optional<h1::BodyDecoder> decoder;
  const auto refused = [](const Error& error) { return Outcome{status_of(error.code()), ""}; };
  for (const std::string_view part : parts) {
    buffer += part;
    if (!head) {
      auto whole = parser.parse(buffer);
      if (!whole) return refused(whole.error());
      if (!*whole) continue;
      buffer.erase(0, parser.consumed());
      head = parser.take();
      if (head->framing == h1::Framing::length && head->length > limits.body_bytes)
        return {413, ""};
      decoder.emplace(head->framing, head->length);
    }
    while (!decoder->done() && !buffer.empty()) {
      auto step = decoder->step(buffer);
      if (!step) return refused(step.error());
      body += step->data;
      buffer.erase(0, step->consumed);
      if (body.size() > limits.body_bytes) return {413, ""};
    }
    if (decoder->done()) return {200, summary_of(*head, body)};
  }
  return head ? Outcome{decoder->done() ? 200 : 400, decoder->done() ? summary_of(*head, body) : ""}
              : Outcome{};
}

Outcome run_connection(const std::string& raw, std::size_t split) {
  MirrorService mirror;
  const std::string answer = converse(mirror, raw, case_limits(), split);
  const std::vector<Received> responses = parse_responses(answer);
  if (responses.empty()) return {};
  const Received& first = responses.front();
  return {first.status, first.status == 200 ? first.body : ""};
}

class H1Cases : public ::testing::TestWithParam<Case> {
 protected:
  Outcome expected() const { return {GetParam().status, GetParam().summary}; }
};

TEST_P(H1Cases, ParsedWhole) {
  EXPECT_EQ(run_pure({GetParam().raw}), expected()) << GetParam().section;
}

TEST_P(H1Cases, ParsedByteByByte) {
  std::vector<std::string_view> bytes;
  for (const char& byte : GetParam().raw) bytes.emplace_back(&byte, 1);
  EXPECT_EQ(run_pure(bytes), expected()) << GetParam().section;
}

TEST_P(H1Cases, ParsedInTwoPartsCutAnywhere) {
  const std::string_view raw = GetParam().raw;
  for (std::size_t cut = 1; cut < raw.size(); ++cut) {
    ASSERT_EQ(run_pure({raw.substr(0, cut), raw.substr(cut)}), expected()) << "cut at " << cut;
  }
}

TEST_P(H1Cases, ServedWhole) {
  EXPECT_EQ(run_connection(GetParam().raw, 0), expected()) << GetParam().section;
}

TEST_P(H1Cases, ServedByteByByte) {
  EXPECT_EQ(run_connection(GetParam().raw, 1), expected()) << GetParam().section;
}

std::string test_name(const ::testing::TestParamInfo<Case>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, H1Cases, ::testing::ValuesIn(all_cases()), test_name);

TEST(H1CaseTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const Case& each : all_cases()) EXPECT_TRUE(names.insert(each.name).second) << each.name;
  EXPECT_GE(names.size(), 110u);
}

// A refused request never reaches the service, nor does what stands behind it.
TEST(H1CaseTable, NothingBehindARefusedHeadIsServed) {
  for (const Case& each : all_cases()) {
    const bool is_cut = each.section == "RFC 9112 §8";  // and would go on with what we append
    if (each.status == 200 || each.status == 0 || is_cut) continue;
    MirrorService mirror;
    const std::string answer = converse(mirror, each.raw + get("/smuggled"), case_limits(), 0);
    EXPECT_EQ(answer.find("/smuggled"), std::string::npos) << each.name;
    const std::vector<Received> responses = parse_responses(answer);
    EXPECT_LE(responses.size(), 1u) << each.name;
    for (const Received& response : responses)
      EXPECT_EQ(response.header("connection"), "close") << each.name;
  }
}

}  // namespace
}  // namespace openunison::http::testing
