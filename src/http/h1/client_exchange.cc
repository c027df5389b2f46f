// SPDX-License-Identifier: Apache-2.0
#include "http/h1/client_exchange.h"

#include <algorithm>

#include "http/h1/body_decoder.h"

namespace openunison::http::h1 {
namespace {

constexpr int kMaxInterim = 16;

std::unexpected<Error> too_large() {
  return fail(Errc::body_too_large, "the answer is too large");
}

Task<Result<std::string>> read_body(Wire& wire, const ParsedResponse& head, std::size_t limit,
                                    net::Deadline deadline) {
  if (head.framing == Framing::length && head.length > limit) co_return too_large();
  BodyDecoder decoder(head.framing, head.length);
  std::string body;
  if (head.framing == Framing::length) body.reserve(static_cast<std::size_t>(head.length));
  while (!decoder.done()) {
    while (!wire.buffer.empty() && !decoder.done()) {
      auto step = decoder.step(wire.buffer.view());
      if (!step) co_return fail(Errc::bad_gateway, "the answer's body: " + step.error().message());
      if (step->data.size() > limit - body.size()) co_return too_large();
      body += step->data;
      wire.buffer.consume(step->consumed);
    }
    if (decoder.done()) break;
    auto got = co_await wire.fill(deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got > 0) continue;
    if (head.framing == Framing::until_close) break;
    co_return fail(Errc::bad_gateway, "the connection ended inside the answer");
  }
  co_return body;
}

}  // namespace

Task<Result<ParsedResponse>> read_response_head(Wire& wire, const Limits& limits, bool to_head,
                                                net::Deadline deadline, bool& any_byte) {
  ResponseParser parser(limits, to_head);
  for (int interim = 0; interim <= kMaxInterim;) {
    auto whole = parser.parse(wire.buffer.view());
    if (!whole) co_return std::unexpected(whole.error());
    if (*whole) {
      wire.buffer.consume(parser.consumed());
      ParsedResponse head = parser.take();
      if (head.status == 101)
        co_return fail(Errc::bad_gateway,
                       "the answer changes to a protocol that wasn't asked for (RFC 9110 §15.2.2)");
      if (head.status >= 200) co_return head;
      ++interim;
      continue;
    }
    auto got = co_await wire.fill(deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return fail(net::Errc::closed, "the connection ended before the answer");
    any_byte = true;
  }
  co_return fail(Errc::bad_gateway, "there are too many interim answers");
}

Task<Answer> exchange(Wire& wire, const Outgoing& outgoing, const Limits& limits) {
  Answer answer{fail(Errc::bad_gateway, "no answer")};
  auto written = co_await wire.stream->write(outgoing.head, outgoing.body, outgoing.deadline);
  // A server that doesn't want the body answers and closes before it has read it all.
  const bool closed_early =
      !written && written.error().is(net::Errc::closed) && !outgoing.body.empty();
  if (!written && !closed_early) {
    answer.response = std::unexpected(written.error());
    co_return answer;
  }
  auto head = co_await read_response_head(wire, limits, outgoing.to_head, outgoing.deadline,
                                          answer.any_byte);
  if (!head) {
    answer.response = std::unexpected(head.error());
    co_return answer;
  }
  auto body = co_await read_body(wire, *head, outgoing.max_response_bytes, outgoing.deadline);
  if (!body) {
    answer.response = std::unexpected(body.error());
    co_return answer;
  }
  answer.reusable = written && head->keep_alive && wire.buffer.empty();
  answer.response = Response{head->status, std::move(head->headers), std::move(*body)};
  co_return answer;
}

}  // namespace openunison::http::h1
