// SPDX-License-Identifier: Apache-2.0
#include "http/h1/server_body.h"

#include <algorithm>

#include "http/edge.h"

namespace openunison::http::h1 {

ServerBody::ServerBody(Wire& wire, const ParsedRequest& head, const Limits& limits)
    : wire_(wire),
      limits_(limits),
      decoder_(head.framing, head.length),
      awaits_continue_(head.expects_continue) {
  if (head.framing != Framing::chunked) length_ = head.length;
}

bool ServerBody::blocks_reuse() const {
  if (finished()) return false;
  return error_ || awaits_continue_ ||
         (decoder_.framing() == Framing::length && decoder_.left() > kMaxDrainedBytes);
}

Task<Result<std::size_t>> ServerBody::read(std::span<char> into) {
  if (error_) co_return std::unexpected(*error_);
  if (into.empty()) co_return std::size_t{0};
  if (!finished() && awaits_continue_ && !answer_began_) {
    awaits_continue_ = false;
    auto told = co_await send_continue();
    if (!told) co_return std::unexpected(told.error());
  }
  // With chunks a step may give no data and not be the end.
  while (!finished()) {
    auto got = co_await read_more(into);
    if (!got) co_return got;
    total_ += *got;
    if (total_ > limits_.body_bytes) {
      count_refusal(Refusal::body_size);
      co_return remember(Errc::body_too_large, "the body is too large");
    }
    if (*got > 0) co_return *got;
  }
  co_return std::size_t{0};
}

// RFC 9110 §15.2.1: only now is the body wanted.
Task<Result<void>> ServerBody::send_continue() {
  auto told =
      co_await wire_.stream->write("HTTP/1.1 100 Continue\r\n\r\n", rate_deadline(limits_, 0, 1));
  if (!told) co_return remember(Errc::body_ended_early, "the connection ended before the body");
  co_return Result<void>{};
}

// One step: from the buffer if it has anything, else from the stream, by length straight into
// `into`.
Task<Result<std::size_t>> ServerBody::read_more(std::span<char> into) {
  const bool straight = wire_.buffer.empty() && decoder_.framing() == Framing::length;
  if (straight) {
    const auto room =
        static_cast<std::size_t>(std::min<std::uint64_t>(decoder_.left(), into.size()));
    auto got = co_await timed_read(into.first(room));
    if (got) decoder_.skip(*got);
    co_return got;
  }
  if (wire_.buffer.empty()) {
    auto got = co_await timed_read({});
    if (!got) co_return got;
  }
  // No more of the input than fits, so that a step's data does.
  auto step = decoder_.step(wire_.buffer.view().substr(0, into.size()));
  if (!step) {
    count_refusal(Refusal::malformed);
    error_ = step.error();
    co_return std::unexpected(*error_);
  }
  step->data.copy(into.data(), step->data.size());
  const std::size_t count = step->data.size();
  wire_.buffer.consume(step->consumed);
  co_return count;
}

// Reads into `into`, or into the buffer if that is empty. Time counts only here: a service that is
// slow to read doesn't use up the client's.
Task<Result<std::size_t>> ServerBody::timed_read(std::span<char> into) {
  const net::Deadline started = std::chrono::steady_clock::now();
  const net::Deadline deadline =
      std::min(rate_deadline(limits_, total_, limits_.body_min_bytes_per_second) - waited_,
               net::in(limits_.body_silence));
  auto got = into.empty() ? co_await wire_.fill(deadline)
                          : co_await wire_.stream->read_some(into, deadline);
  waited_ += std::chrono::steady_clock::now() - started;
  if (got && *got > 0) co_return got;
  if (!got && got.error().is(net::Errc::timed_out)) {
    count_refusal(Refusal::body_time);
    co_return remember(Errc::timed_out, "the body comes too slowly");
  }
  co_return remember(Errc::body_ended_early, "the connection ended inside the body");
}

Task<bool> ServerBody::drain() {
  char sink[4096];
  for (std::size_t total = 0; !finished();) {
    if (blocks_reuse() || total > kMaxDrainedBytes) co_return false;
    auto got = co_await read(sink);
    if (!got) co_return false;
    total += *got;
  }
  co_return true;
}

std::unexpected<Error> ServerBody::remember(Errc code, const char* why) {
  error_ = Error(code, why);
  return std::unexpected(*error_);
}

}  // namespace openunison::http::h1
