// SPDX-License-Identifier: Apache-2.0
#include "http/h2/server_connection.h"

#include <array>

#include "http/h2/server_body.h"
#include "http/h2/server_responder.h"

namespace openunison::http::h2 {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kWriteSize = 32 * 1024;
constexpr std::size_t kFrameSize = 9 + 16 * 1024;  // the largest that is made
constexpr Millis kLingerTime{2'000};

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

ServerConnection::ServerConnection(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge,
                                   std::shared_ptr<Connection> connection)
    : stream_(std::move(stream)),
      edge_(std::move(edge)),
      connection_(std::move(connection)),
      limits_(edge_->limits()),
      secure_(stream_->tls().active),
      for_many_(edge_->proxies().trusts(stream_->peer().ip)),
      session_(limits_, secure_, for_many_, *this),
      executor_(connection_->executor),
      idle_since_(now()) {}

Task<void> ServerConnection::run() {
  // Holds no reference: the edge's list may outlive this.
  connection_->drain = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->begin_drain();
  };
  flush();
  const std::span<char> scratch = thread_scratch();
  for (;;) {
    auto got = co_await stream_->read_some(scratch, next_deadline());
    if (!got && got.error().is(net::Errc::timed_out)) {
      on_deadline();
    } else if (!got || *got == 0) {
      break;
    } else if (!session_.finished()) {
      heard_ = true;
      receiving_ = true;
      session_.receive({scratch.data(), *got});
      receiving_ = false;
    }
    if (edge_->draining()) begin_drain();
    flush();
    if (session_.finished() && !writing_ && said_goodbye_) break;
    // What was answered is let go before more is read, and other connections get their turn: a
    // client that is always quicker than we are would else have it all.
    if (got && *got > 0) co_await net::yield();
  }
  reading_ = false;
  session_.abandon();
  connection_->idle = true;
  stream_->close();
  changed_.notify();
  while (running_ > 0 || writing_) co_await changed_.wait(net::kNoDeadline);
}

// A head, or the preface, must come in time; with requests under way the rest is theirs.
net::Deadline ServerConnection::next_deadline() {
  if (leaving_) return net::in(kLingerTime);
  if (const auto began = session_.head_began())
    return *began + (heard_ ? limits_.header_timeout : limits_.first_byte_timeout);
  if (running_ == 0 && session_.open_streams() == 0) return idle_since_ + limits_.idle_timeout;
  idle_since_ = now();
  return idle_since_ + limits_.header_timeout;  // looked at again then
}

void ServerConnection::on_deadline() {
  if (leaving_ || now() < next_deadline()) return;
  const bool in_head = session_.head_began().has_value();
  const bool is_idle = running_ == 0 && session_.open_streams() == 0;
  if (!in_head && !is_idle) return;
  leaving_ = true;
  if (in_head && heard_) count_refusal(Refusal::header_time);
  session_.go_away(in_head && heard_ ? Code::enhance_your_calm : Code::no_error);
}

void ServerConnection::begin_drain() {
  const bool begun = session_.drain_deadline().has_value();
  session_.drain();
  if (const auto when = session_.drain_deadline(); when && !begun)
    net::Runtime::spawn_on(executor_, end_drain(shared_from_this(), *when));
  flush();
}

// A client that doesn't answer the notice gets no longer for it.
Task<void> ServerConnection::end_drain(std::shared_ptr<ServerConnection> self, net::Deadline when) {
  co_await net::sleep_until(when);
  if (self->reading_) self->begin_drain();
}

void ServerConnection::note_idle() {
  connection_->idle = running_ == 0 && session_.open_streams() == 0;
  idle_since_ = now();
}

// --- Output ---

void ServerConnection::flush() {
  const bool goodbye = session_.finished() && !said_goodbye_;
  if (writing_ || receiving_ || !reading_ || (!session_.has_output() && !goodbye)) return;
  // A tunnel's end may come with the end of the runtime: nothing is begun any more then.
  if (!executor_.running_in_this_thread()) return;
  writing_ = true;
  net::Runtime::spawn_on(executor_, write_out(shared_from_this()));
}

Task<void> ServerConnection::write_out(std::shared_ptr<ServerConnection> self) {
  const bool written = co_await self->write_frames();
  if (!written) {
    self->stream_->close();
  } else if (self->session_.finished() && self->reading_) {
    co_await self->say_goodbye();
  }
  self->writing_ = false;
  self->changed_.notify();
}

// False: the connection is of no more use.
Task<bool> ServerConnection::write_frames() {
  std::string frames;
  frames.reserve(kWriteSize + kFrameSize);
  for (;;) {
    const bool sound = session_.produce(frames, kWriteSize);
    if (frames.empty()) co_return sound;
    auto written = co_await stream_->write(
        frames, rate_deadline(limits_, frames.size(), limits_.write_min_bytes_per_second));
    if (!written) {
      if (written.error().is(net::Errc::timed_out)) count_refusal(Refusal::write_time);
      co_return false;
    }
    frames.clear();
  }
}

// Closing while the client still sends makes TCP reset the connection, and GOAWAY on its way is
// lost: the reader goes on for a moment.
Task<void> ServerConnection::say_goodbye() {
  said_goodbye_ = true;
  const net::Deadline end = net::in(kLingerTime);
  co_await stream_->shutdown_write(end);
  while (reading_) {
    const bool changed = co_await changed_.wait(end);
    if (!changed) break;
  }
  stream_->close();
}

bool ServerConnection::keep_waiting(std::size_t bytes) {
  const std::size_t most =
      limits_.waiting_bytes_per_connection * (for_many_ ? kPeopleBehindAProxy : 1);
  if (waiting_bytes_ > 0 && (waiting_bytes_ > most || bytes > most - waiting_bytes_)) return false;
  waiting_bytes_ += bytes;
  return true;
}

Task<Result<void>> ServerConnection::put(ServerStream& stream, std::string_view data, bool last,
                                         net::Deadline deadline) {
  if (stream.closed) co_return fail(net::Errc::closed, "the client has ended the stream");
  stream.outbound = data;
  stream.outbound_last = last;
  session_.resume(stream);
  flush();
  const auto taken = [&] { return last ? stream.end_queued : stream.outbound.empty(); };
  while (!stream.closed && !taken()) {
    const bool changed = co_await stream.taken.wait(deadline);
    if (changed || stream.closed || taken()) continue;
    stream.outbound = {};
    stream.outbound_last = false;
    co_return fail(net::Errc::timed_out, "the client takes the answer too slowly");
  }
  if (!taken()) co_return fail(net::Errc::closed, "the client has ended the stream");
  co_return Result<void>{};
}

// --- Requests ---

bool ServerConnection::on_request(std::shared_ptr<ServerStream> stream, Result<void> head) {
  // A cancelled stream no longer counts in the protocol's number of streams, its work does.
  if (running_ >= 2 * limits_.streams_per_connection) return false;
  ++running_;
  ++served_;
  connection_->idle = false;
  net::Runtime::spawn_on(executor_, answer(shared_from_this(), std::move(stream), std::move(head)));
  if (served_ == limits_.requests_per_connection) begin_drain();
  return true;
}

Task<void> ServerConnection::answer(std::shared_ptr<ServerConnection> self,
                                    std::shared_ptr<ServerStream> stream, Result<void> head) {
  co_await self->answer_one(stream, head);
  --self->running_;
  self->note_idle();
  self->flush();
  self->changed_.notify();
}

Task<void> ServerConnection::answer_one(const std::shared_ptr<ServerStream>& stream,
                                        const Result<void>& head) {
  ServerResponder responder(*this, stream, stream->reader.is_to_head());
  if (head) {
    Request request = to_request(stream);
    co_await edge_->handle(request, responder);
    if (responder.handed_over()) co_return;
  } else {
    const int status = status_of(head.error().code());
    count_refusal(refusal_of(head.error()));
    edge_->log_refused(peer(), head.error(), status);
    session_.discard(*stream);
    co_await responder.send(plain_response(status, head.error().message() + "\n"));
  }
  session_.discard(*stream);
  if (responder.whole()) {
    co_await see_off(*stream);
  } else {
    session_.reset(*stream,
                   stream->asked_too_much ? Code::enhance_your_calm : Code::internal_error);
  }
}

// The answer was whole before the request was (RFC 9113 §8.1). The client has it with its end and
// needn't wait for us; but a reset at once would hide what is wrong with the rest of the request,
// and many clients take it for a failure. So the rest is dropped as it comes, for a moment and one
// window of it; only then the client is told to stop, behind the answer's end.
Task<void> ServerConnection::see_off(ServerStream& stream) {
  const net::Deadline end = net::in(kLingerTime);
  while (!stream.inbound_ended && !stream.closed && !session_.is_full(stream)) {
    const bool changed = co_await stream.arrived.wait(end);
    if (!changed) break;
  }
  if (stream.inbound_ended || stream.closed) co_return;
  stream.reset_after_end = true;
  if (stream.end_sent) session_.reset(stream, Code::no_error);
}

Request ServerConnection::to_request(const std::shared_ptr<ServerStream>& stream) {
  RequestHead& head = stream->head;
  Request request;
  request.method = std::move(head.method);
  request.secure = secure_;
  request.authority = std::move(head.authority);
  request.path = std::move(head.path);
  request.query = std::move(head.query);
  request.headers = std::move(head.headers);
  request.body = std::make_unique<ServerBody>(*this, stream);
  request.peer = peer();
  request.tls = tls();
  request.upgrade = std::move(head.upgrade);
  return request;
}

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge) {
  const net::Executor executor = co_await net::current_executor();
  auto connection = std::make_shared<Connection>(Connection{executor, stream.get(), true, {}});
  const auto server = std::make_shared<ServerConnection>(std::move(stream), edge, connection);
  const Registration registration(std::move(edge), std::move(connection));
  co_await server->run();
}

}  // namespace openunison::http::h2
