// SPDX-License-Identifier: Apache-2.0
#include "http/h2/server_body.h"

#include <algorithm>

namespace openunison::http::h2 {

Task<Result<std::size_t>> ServerBody::read(std::span<char> into) {
  if (into.empty()) co_return std::size_t{0};
  ServerStream& stream = *stream_;
  if (awaits_continue_ && stream.inbound.empty() && !stream.inbound_ended) {
    // RFC 9110 §15.2.1: only now is the body wanted.
    connection_.session().submit_continue(stream);
    connection_.flush();
  }
  awaits_continue_ = false;
  while (!error_ && stream.unread().empty()) {
    if (stream.too_large) {
      error_ = Error(Errc::body_too_large, "the body is too large");
    } else if (stream.inbound_ended) {
      co_return std::size_t{0};
    } else if (stream.closed) {
      error_ = Error(Errc::body_ended_early, "the client ended the stream inside the body");
    } else {
      const bool changed = co_await wait();
      if (changed || stream.inbound_ended || stream.closed || !stream.unread().empty()) continue;
      count_refusal(Refusal::body_time);
      error_ = Error(Errc::timed_out, "the body comes too slowly");
    }
  }
  if (error_) co_return std::unexpected(*error_);
  const std::size_t count = stream.unread().copy(into.data(), into.size());
  total_ += count;
  connection_.session().consume(stream, count);
  connection_.flush();
  co_return count;
}

// Time counts only here: a service that is slow to read doesn't use up the client's.
Task<bool> ServerBody::wait() {
  const Limits& limits = connection_.edge().limits();
  const net::Deadline started = std::chrono::steady_clock::now();
  const bool changed = co_await stream_->arrived.wait(
      std::min(rate_deadline(limits, total_, limits.body_min_bytes_per_second) - waited_,
               net::in(limits.body_silence)));
  waited_ += std::chrono::steady_clock::now() - started;
  co_return changed;
}

}  // namespace openunison::http::h2
