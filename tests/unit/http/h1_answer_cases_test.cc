// SPDX-License-Identifier: Apache-2.0
//
// The table of h1_answer_cases.h through our client's side of a connection in memory.
#include "h1_answer_cases.h"

#include <gtest/gtest.h>

#include <set>

#include "http/h1/client_exchange.h"
#include "net/runtime.h"

namespace openunison::http::testing {
namespace {

constexpr Millis kPatience{10'000};

std::string outcome_of(const h1::Answer& answer, bool nothing_left) {
  if (!answer.response) {
    const Error& error = answer.response.error();
    if (error.is(Errc::bad_gateway)) return "bad";
    if (error.is(Errc::body_too_large)) return "large";
    return error.is(net::Errc::closed) ? "cut" : error.message();
  }
  return std::to_string(answer.response->status) + " [" + answer.response->body + "] " +
         (answer.reusable && nothing_left ? "open" : "close");
}

Task<std::string> exchange(const AnswerForm& form, std::size_t split) {
  auto [client, server] = net::memory_pipe(split);
  auto written = co_await server->write(form.raw, net::in(kPatience));
  EXPECT_TRUE(written);
  co_await server->shutdown_write(net::in(kPatience));
  h1::Wire wire{std::move(client), {}};
  const std::string head = (form.to_head ? "HEAD" : "GET") + std::string(" / HTTP/1.1\r\n\r\n");
  const Limits limits = case_limits();
  const h1::Outgoing outgoing{head, "", form.to_head, kMaxAnswer, net::in(kPatience)};
  const h1::Answer answer = co_await h1::exchange(wire, outgoing, limits);
  // As the pool looks at a connection before it is used again.
  char byte[1];
  co_return outcome_of(answer, wire.stream->try_read(byte) == 0);
}

class H1Answers : public ::testing::TestWithParam<AnswerForm> {
 protected:
  static std::string run(std::size_t split) {
    net::Runtime runtime(1);
    return runtime.block_on(exchange(GetParam(), split));
  }
};

TEST_P(H1Answers, InOnePiece) {
  EXPECT_EQ(run(0), GetParam().expected) << GetParam().section;
}
TEST_P(H1Answers, ByteByByte) {
  EXPECT_EQ(run(1), GetParam().expected) << GetParam().section;
}
TEST_P(H1Answers, InPieces) {
  EXPECT_EQ(run(7), GetParam().expected) << GetParam().section;
}

std::string test_name(const ::testing::TestParamInfo<AnswerForm>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, H1Answers, ::testing::ValuesIn(all_answer_forms()), test_name);

TEST(H1AnswerTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const AnswerForm& each : all_answer_forms())
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
  EXPECT_GE(names.size(), 100u);
}

}  // namespace
}  // namespace openunison::http::testing
