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
  EXPECT_GE(names.size(), 300u);
}

// --- Every byte at every place ---

// `byte` stands between `before` and `after`. What may stand there is in `allowed`, besides letters
// and digits.
struct Place {
  const char* name;
  std::string before, after;
  std::string_view allowed;
  // Letters that are no hexadecimal digits don't belong to numbers and versions, nor do bytes
  // beyond ASCII to anything but values.
  enum class Letters { none, hexadecimal, upper, all, all_and_beyond } letters = Letters::all;
};

bool may_stand(const Place& place, unsigned char byte) {
  using Letters = Place::Letters;
  const bool digit = byte >= '0' && byte <= '9';
  const bool upper = byte >= 'A' && byte <= 'Z';
  const bool lower = byte >= 'a' && byte <= 'z';
  const bool hexadecimal = digit || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
  if (place.allowed.find(static_cast<char>(byte)) != std::string_view::npos) return true;
  switch (place.letters) {
    case Letters::none:
      return false;
    case Letters::hexadecimal:
      return hexadecimal;
    case Letters::upper:
      return digit || upper;
    case Letters::all:
      return digit || upper || lower;
    case Letters::all_and_beyond:
      return digit || upper || lower || byte >= 0x80;
  }
  return false;
}

TEST(H1EveryByte, StandsWhereItMayAndNowhereElse) {
  using Letters = Place::Letters;
  const std::string rest = "\r\n" + kHost + "\r\n";
  const std::string_view token = "!#$%&'*+-.^_`|~";
  const std::string_view value = "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  const Place places[] = {
      {"method", "G", "T / HTTP/1.1" + rest, token, Letters::upper},
      {"path", "GET /a", "b HTTP/1.1" + rest, "!$&'()*+,-./:;=?@[]^_|~"},
      {"query", "GET /?a", "b HTTP/1.1" + rest, "!$%&'()*+,-./:;=?@[\\]^_`{|}~"},
      {"version", "GET / HTTP/1.1", rest, "", Letters::none},
      {"host", "GET / HTTP/1.1\r\nHost: a", "b\r\n\r\n", "-._"},
      {"field name", "GET / HTTP/1.1\r\n" + kHost + "X", "A: b\r\n\r\n", token},
      {"field value", "GET / HTTP/1.1\r\n" + kHost + "X-A: b", "c\r\n\r\n", value,
       Letters::all_and_beyond},
      {"before the coding", "POST /p HTTP/1.1\r\n" + kHost + "Transfer-Encoding:",
       "chunked\r\n\r\n" + kChunks, " \t", Letters::none},
      {"behind the coding", "POST /p HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked",
       "\r\n\r\n" + kChunks, " \t", Letters::none},
      {"before the length", "POST /p HTTP/1.1\r\n" + kHost + "Content-Length: ",
       "0\r\n\r\n1234567890", " \t01", Letters::none},
      {"behind a size", chunked("0"), "\r\n\r\n", "0", Letters::none},
      {"before a size", chunked(""), "0\r\n\r\n", "0", Letters::none},
      {"extension", chunked("0;a"), "b\r\n\r\n", "!#$%&'*+-.^_`|~=;"},
      {"quoted extension", chunked("0;a=\"b"), "c\"\r\n\r\n", "\t !#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
       Letters::all_and_beyond},
      {"behind a chunk", chunked("1\r\na"), "\r\n0\r\n\r\n", "", Letters::none},
      {"trailer name", chunked("0\r\nX"), "A: b\r\n\r\n", token},
      {"trailer value", chunked("0\r\nX-A: b"), "c\r\n\r\n", value, Letters::all_and_beyond},
  };
  for (const Place& place : places) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string raw = place.before + static_cast<char>(byte) + place.after;
      // A colon ends a name, and the rest is a value.
      const bool ends_name = byte == ':' && std::string_view(place.name).ends_with("name");
      EXPECT_EQ(run_pure({raw}).status == 200,
                ends_name || may_stand(place, static_cast<unsigned char>(byte)))
          << place.name << ", byte " << byte;
    }
  }
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
