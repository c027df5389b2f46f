// SPDX-License-Identifier: Apache-2.0
#include "http/h2/client_connection.h"

#include <array>

namespace openunison::http::h2 {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kWriteSize = 32 * 1024;
constexpr Millis kWriteTime{30'000};
constexpr Millis kCheck{10'000};  // how often a connection in use is looked at

// One for all connections of a thread that wait: a Stream writes to it only in the turn in which it
// returns.
std::span<char> thread_scratch() {
  thread_local std::array<char, kReadSize> scratch;
  return scratch;
}

net::Deadline now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<net::Stream> stream, net::Executor executor,
                                   Millis idle_timeout)
    : stream_(std::move(stream)),
      executor_(std::move(executor)),
      idle_timeout_(idle_timeout),
      session_(limits_),
      heard_(now()),
      idle_since_(now()) {}

void ClientConnection::start() {
  net::Runtime::spawn_on(executor_, run(shared_from_this()));
}

Task<void> ClientConnection::run(std::shared_ptr<ClientConnection> self) {
  self->flush();
  co_await self->read_frames();
  self->open_ = false;
  self->session_.abandon(Error(net::Errc::closed, "the connection ended before the answer"));
  self->stream_->close();
  while (self->writing_) co_await self->changed_.wait(net::kNoDeadline);
}

Task<void> ClientConnection::read_frames() {
  const std::span<char> scratch = thread_scratch();
  while (open_) {
    const bool idle = session_.calls() == 0;
    if (!idle) idle_since_ = now();
    auto got =
        co_await stream_->read_some(scratch, idle ? idle_since_ + idle_timeout_ : net::in(kCheck));
    if (!got && got.error().is(net::Errc::timed_out)) {
      if (session_.calls() == 0 && now() >= idle_since_ + idle_timeout_) session_.go_away();
    } else if (!got || *got == 0) {
      co_return;
    } else {
      heard_ = now();
      receiving_ = true;
      session_.receive({scratch.data(), *got});
      receiving_ = false;
    }
    if (session_.calls() == 0 && !session_.accepts()) session_.go_away();
    flush();
    if (session_.finished() && !writing_) co_return;
  }
}

void ClientConnection::flush() {
  // What ends together with the runtime begins nothing on it.
  if (writing_ || receiving_ || !open_ || !executor_.running_in_this_thread()) return;
  if (!session_.has_output() && !session_.finished()) return;
  writing_ = true;
  net::Runtime::spawn_on(executor_, write_out(shared_from_this()));
}

Task<void> ClientConnection::write_out(std::shared_ptr<ClientConnection> self) {
  const bool written = co_await self->write_frames();
  // Reading ends with it.
  if (!written || self->session_.finished()) self->stream_->close();
  self->writing_ = false;
  self->changed_.notify();
}

Task<bool> ClientConnection::write_frames() {
  std::string frames;
  for (;;) {
    const bool sound = session_.produce(frames, kWriteSize);
    if (frames.empty()) co_return sound;
    auto written = co_await stream_->write(frames, net::in(kWriteTime));
    if (!written) co_return false;
    frames.clear();
  }
}

Task<ClientAnswer> ClientConnection::exchange(const std::vector<Field>& fields,
                                              std::string_view body, std::size_t max_response_bytes,
                                              net::Deadline deadline) {
  auto call = std::make_shared<ClientCall>();
  call->response.status = 0;
  call->body = body;
  call->max_response_bytes = max_response_bytes;
  ClientAnswer answer{fail(Errc::bad_gateway, "no answer")};
  if (!usable() || !session_.submit(call, fields)) {
    answer.unprocessed = true;
    co_return answer;
  }
  // The caller's body must not be asked for when it is gone, however this coroutine ends.
  struct Detached {
    ClientCall& call;
    ~Detached() { call.body = {}; }
  } const detached{*call};
  const net::Deadline began = now();
  flush();
  while (!call->done) {
    const bool changed = co_await call->changed.wait(deadline);
    if (changed || call->done) continue;
    // Nothing at all came since: others shall not wait for this connection too.
    if (heard_ < began) session_.retire();
    session_.cancel(*call);
    flush();
    call->error = Error(net::Errc::timed_out, "the answer takes too long");
  }
  answer.any_byte = call->any_byte;
  answer.unprocessed = call->unprocessed;
  answer.wants_http11 = call->wants_http11;
  if (call->error) {
    answer.response = std::unexpected(*call->error);
  } else {
    answer.response = std::move(call->response);
  }
  co_return answer;
}

void ClientConnection::close() {
  open_ = false;
  stream_->close();
}

}  // namespace openunison::http::h2
