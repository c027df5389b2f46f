// SPDX-License-Identifier: Apache-2.0
#include "http/h2/session.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"

namespace openunison::http::h2 {
namespace {

// Of a connection, for all its requests' bodies together; each stream has the protocol's 64 KiB.
constexpr std::int32_t kConnectionWindow = 256 * 1024;
// Our limit on heads needs four frames of 16 KiB (CVE-2024-27316).
constexpr std::size_t kMaxContinuations = 8;
// Frames that wait to be sent: a client that makes us answer and doesn't read.
constexpr std::size_t kMaxQueuedFrames = 1000;
// Of one answer, before HPACK. Ours have a Location of target_bytes and some cookies at most.
constexpr std::size_t kMaxAnswerHead = 64 * 1024;
constexpr std::size_t kPrefaceSize = 24;
// Bytes of a body that were taken are kept until there are so many of them.
constexpr std::size_t kCompactFrom = 32 * 1024;
constexpr Millis kNoticeTime{1'000};

net::Deadline now() {
  return std::chrono::steady_clock::now();
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// Sessions, codes and states stay out of HPACK's tables, here and at proxies on the way (RFC 7541
// §7.1.3). So does what is another each time: it would push out of the table what isn't.
bool stays_out_of_tables(std::string_view name) {
  return name == "set-cookie" || name == "location" || name == "x-request-id";
}

nghttp2_nv name_value(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  const std::uint8_t flags =
      stays_out_of_tables(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

}  // namespace

// What nghttp2 calls. It goes on with the input that it has after a failure: then they do nothing.
struct Session::Callbacks {
  static Session& self(void* data) { return *static_cast<Session*>(data); }
  static ServerStream* stream_of(nghttp2_session* session, std::int32_t id) {
    return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (s.failed_ || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const std::int32_t id = frame->hd.stream_id;
    s.highest_opened_ = id;
    auto stream = std::make_shared<ServerStream>(id, s.limits_, s.secure_);
    nghttp2_session_set_stream_user_data(session, id, stream.get());
    s.streams_.emplace(id, std::move(stream));
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* data) {
    Session& s = self(data);
    ServerStream* stream = stream_of(session, frame->hd.stream_id);
    if (s.failed_ || stream == nullptr) return 0;
    if (!stream->reader.add(view(name, name_size), view(value, value_size)))
      s.fail(Refusal::h2_header_bomb, Code::enhance_your_calm);
    return 0;
  }

  // Without this nghttp2 drops the field and serves the request; so it resets the stream.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                            std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (s.failed_) return 0;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
        s.phase_ == Phase::noticed) {
      s.go_away(Code::no_error);
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    const auto found = s.streams_.find(frame->hd.stream_id);
    if (found == s.streams_.end() || stream_of(session, frame->hd.stream_id) == nullptr) return 0;
    const std::shared_ptr<ServerStream>& stream = found->second;
    if (ends_stream(*frame)) {
      stream->inbound_ended = true;
      stream->arrived.notify();
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      s.arrived_.push_back(stream);
    return 0;
  }

  static int invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int error,
                           void* data) {
    count_refusal(error == NGHTTP2_ERR_REFUSED_STREAM ? Refusal::h2_streams : Refusal::malformed);
    log::debug("a frame of HTTP/2 was refused", {{"reason", nghttp2_strerror(error)}});
    // A stream that was refused is never opened; its DATA may be here already.
    const std::int32_t id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_HEADERS && stream_of(session, id) == nullptr)
      self(data).closed_.add_reset(id);
    return 0;
  }

  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                        const std::uint8_t* bytes, std::size_t size, void* data) {
    Session& s = self(data);
    ServerStream* stream = stream_of(session, id);
    if (stream == nullptr || stream->closed) {
      nghttp2_session_consume_connection(session, size);
      return 0;
    }
    stream->inbound_total += size;
    if (!stream->is_tunnel && !stream->too_large && !stream->discards &&
        stream->inbound_total > s.limits_.body_bytes) {
      stream->too_large = true;
      count_refusal(Refusal::body_size);
      stream->arrived.notify();
    }
    if (stream->discards || stream->too_large) {
      // Only the connection's window: the stream's fills up, so that little more comes.
      nghttp2_session_consume_connection(session, size);
      stream->arrived.notify();
      return 0;
    }
    stream->inbound.append(view(bytes, size));
    stream->arrived.notify();
    return 0;
  }

  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* data) {
    Session& s = self(data);
    const auto found = s.streams_.find(id);
    if (found == s.streams_.end()) return 0;
    const std::shared_ptr<ServerStream> stream = std::move(found->second);
    s.streams_.erase(found);
    if (!stream->reset_here) s.closed_.add_ended(id);
    s.close(*stream);
    return 0;
  }

  static void reset_sent(Session& s, ServerStream* stream, const nghttp2_frame& frame) {
    if (stream != nullptr) stream->reset_here = true;
    if (stream != nullptr && stream->inbound_ended) {
      s.closed_.add_ended(frame.hd.stream_id);
    } else {
      s.closed_.add_reset(frame.hd.stream_id);
    }
    // What the client makes us cancel costs it no more than cancelling it itself.
    const std::uint32_t code = frame.rst_stream.error_code;
    const bool is_ours =
        code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL || code == NGHTTP2_INTERNAL_ERROR;
    if (!is_ours) s.take(FloodGuard::Kind::reset);
  }

  static int frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      reset_sent(s, stream_of(session, frame->hd.stream_id), *frame);
      return 0;
    }
    // Only behind it, for nghttp2 sends a PING before all else: its acknowledgement says that the
    // notice was seen.
    if (frame->hd.type == NGHTTP2_GOAWAY && s.phase_ == Phase::noticed)
      nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, nullptr);
    if (frame->hd.type == NGHTTP2_DATA) s.guard_.data_was_sent();
    const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                      ends_stream(*frame);
    ServerStream* stream = ends ? stream_of(session, frame->hd.stream_id) : nullptr;
    if (stream == nullptr) return 0;
    stream->end_sent = true;
    if (stream->reset_after_end && !stream->inbound_ended) s.reset(*stream, Code::no_error);
    return 0;
  }

  // nghttp2 neither sends an answer whose head is over its bound nor ends the stream, and nobody
  // else would: it has been answered as far as the service knows.
  static int frame_not_send(nghttp2_session* session, const nghttp2_frame* frame, int why,
                            void* data) {
    ServerStream* stream = stream_of(session, frame->hd.stream_id);
    const bool ends_already = why == NGHTTP2_ERR_STREAM_CLOSING;
    if (frame->hd.type != NGHTTP2_HEADERS || stream == nullptr || ends_already) return 0;
    Session& s = self(data);
    log::error("an answer can't be sent over HTTP/2",
               {{"reason", nghttp2_strerror(why)}, {"head_bytes_at_most", kMaxAnswerHead}});
    s.reset(*stream, Code::internal_error);
    s.charge_reset();
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<ServerStream*>(source->ptr);
    const std::size_t count = stream.outbound.copy(reinterpret_cast<char*>(into), room);
    stream.outbound.remove_prefix(count);
    if (stream.outbound.empty()) {
      if (stream.outbound_last) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        stream.end_queued = true;
      }
      stream.taken.notify();
      if (count == 0 && !stream.outbound_last) return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(count);
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const kAll = [] {
      nghttp2_session_callbacks* made = nullptr;
      CHECK(nghttp2_session_callbacks_new(&made) == 0);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(made, invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_send);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, frame_not_send);
      return made;
    }();
    return kAll;
  }

  static const nghttp2_option* options() {
    static const nghttp2_option* const kOptions = [] {
      nghttp2_option* made = nullptr;
      CHECK(nghttp2_option_new(&made) == 0);
      // Windows are opened as services read.
      nghttp2_option_set_no_auto_window_update(made, 1);
      // What is to be known of closed streams is in ClosedStreams.
      nghttp2_option_set_no_closed_streams(made, 1);
      nghttp2_option_set_max_send_header_block_length(made, kMaxAnswerHead);
      // Resets are FloodGuard's; nghttp2's own budget is smaller than a proxy's.
      nghttp2_option_set_stream_reset_rate_limit(made, 10'000, 1'000);
      return made;
    }();
    return kOptions;
  }
};

void Session::Deleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Session::Session(const Limits& limits, bool secure, bool for_many, SessionEvents& events)
    : limits_(limits),
      secure_(secure),
      events_(events),
      splitter_(kPrefaceSize),
      guard_(now(), for_many),
      head_began_(now()) {
  nghttp2_session* made = nullptr;
  CHECK(nghttp2_session_server_new2(&made, Callbacks::all(), this, Callbacks::options()) == 0);
  session_.reset(made);
  const auto list_size = static_cast<std::uint32_t>(
      std::min<std::size_t>(limits.header_bytes + limits.target_bytes, 0x7fffffff));
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
       static_cast<std::uint32_t>(limits.streams_per_connection)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list_size},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  CHECK(nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0);
  CHECK(nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) == 0);
}

Session::~Session() = default;

// --- Input ---

bool Session::receive(std::string_view bytes) {
  FrameSplitter::Piece piece;
  while (!failed_ && !broken_ && splitter_.next(bytes, piece)) {
    using Kind = FrameSplitter::Piece::Kind;
    if (piece.kind == Kind::header && !check_header()) break;
    if (piece.kind == Kind::payload && !check_payload()) break;
    feed(piece.bytes);
    if (piece.ends_frame) end_frame();
    begin_requests();
  }
  return !failed_ && !broken_;
}

void Session::feed(std::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) {
    if (nghttp2_session_get_outbound_queue_size(session_.get()) > kMaxQueuedFrames)
      fail(Refusal::h2_control_frames, Code::enhance_your_calm);
    return;
  }
  count_refusal(Refusal::malformed);
  log::debug("an HTTP/2 connection was given up",
             {{"reason", nghttp2_strerror(static_cast<int>(taken))}});
  broken_ = true;
}

bool Session::check_header() {
  const FrameHeader& frame = splitter_.header();
  if (!check_cost(frame)) return false;
  switch (frame.type) {
    case frame_type::kHeaders:
      return check_head(frame);
    case frame_type::kContinuation:
      if (++continuations_ <= kMaxContinuations) return true;
      return fail(Refusal::h2_continuations, Code::enhance_your_calm);
    case frame_type::kData:
      return check_data(frame);
    case frame_type::kResetStream:
      closed_.cancelled(frame.stream);
      return true;
    case frame_type::kPriority:
      // nghttp2 doesn't look at it, since we announce that priorities are not used (RFC 9113 §6.3).
      return frame.stream != 0 || fail(Refusal::malformed, Code::protocol_error);
    default:
      return true;
  }
}

bool Session::check_cost(const FrameHeader& frame) {
  using Kind = FloodGuard::Kind;
  switch (frame.type) {
    case frame_type::kData:
      return frame.length > 0 || frame.has(frame_flag::kEndStream) || take(Kind::empty);
    case frame_type::kContinuation:
      return frame.length > 0 || frame.has(frame_flag::kEndHeaders) || take(Kind::empty);
    case frame_type::kHeaders:
      return true;
    case frame_type::kResetStream:
      return take(Kind::reset);
    case frame_type::kSettings:
      return take(frame.has(frame_flag::kAcknowledge) ? Kind::control : Kind::settings);
    case frame_type::kPing:
      return take(frame.has(frame_flag::kAcknowledge) ? Kind::control : Kind::ping);
    default:
      return take(Kind::control);
  }
}

// nghttp2 overlooks a head on a stream that is closed, or that is below the highest and was never
// open (RFC 9113 §5.1.1).
bool Session::check_head(const FrameHeader& frame) {
  head_began_ = now();
  continuations_ = 0;
  const std::int32_t id = frame.stream;
  if (id > highest_id_) {
    highest_id_ = id;
    return true;
  }
  // What was sent before the client saw GOAWAY.
  const bool was_too_late = phase_ == Phase::leaving && id > highest_opened_;
  if (streams_.contains(id) || was_too_late || closed_.overlooks_head(id)) return true;
  return fail(Refusal::malformed,
              closed_.was_open(id) ? Code::stream_closed : Code::protocol_error);
}

// nghttp2 overlooks DATA on a stream that is closed, for ever (RFC 9113 §5.1).
bool Session::check_data(const FrameHeader& frame) {
  const std::int32_t id = frame.stream;
  const bool was_too_late = phase_ == Phase::leaving && id > highest_opened_;
  if (id == 0 || id > highest_id_ || streams_.contains(id) || was_too_late ||
      closed_.overlooks_data(id, frame.length, frame.has(frame_flag::kEndStream)))
    return true;
  return fail(Refusal::malformed, Code::stream_closed);
}

bool Session::check_payload() {
  const FrameHeader& frame = splitter_.header();
  const std::string_view prefix = splitter_.prefix();
  const auto byte = [prefix](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(prefix[at]));
  };
  if (frame.type == frame_type::kPriority && prefix.size() == 4) {
    const std::uint32_t on = (byte(0) & 0x7f) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    if (on == static_cast<std::uint32_t>(frame.stream))
      return fail(Refusal::malformed, Code::protocol_error);  // RFC 7540 §5.3.1
  }
  return true;
}

void Session::end_frame() {
  const FrameHeader& frame = splitter_.header();
  const bool of_head =
      frame.type == frame_type::kHeaders || frame.type == frame_type::kContinuation;
  if (of_head ? frame.has(frame_flag::kEndHeaders) : highest_id_ == 0) head_began_.reset();
  // Padding and nothing else.
  if (frame.type == frame_type::kData && frame.has(frame_flag::kPadded) &&
      !frame.has(frame_flag::kEndStream) && !splitter_.prefix().empty() &&
      frame.length == 1u + static_cast<unsigned char>(splitter_.prefix().front()))
    take(FloodGuard::Kind::empty);
}

void Session::begin_requests() {
  while (!arrived_.empty() && !failed_) {
    const std::shared_ptr<ServerStream> stream = std::move(arrived_.back());
    arrived_.pop_back();  // a frame gives one at most
    begin_request(stream);
  }
}

bool Session::take(FloodGuard::Kind kind) {
  return guard_.take(kind, now()) || fail(FloodGuard::refusal(kind), Code::enhance_your_calm);
}

bool Session::produce(std::string& out, std::size_t enough) {
  while (!broken_ && out.size() < enough) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size == 0) return true;
    if (size < 0) {
      broken_ = true;
      break;
    }
    out.append(view(bytes, static_cast<std::size_t>(size)));
  }
  return !broken_;
}

bool Session::has_output() const {
  return !broken_ && nghttp2_session_want_write(session_.get()) != 0;
}

bool Session::finished() const {
  return broken_ || (nghttp2_session_want_read(session_.get()) == 0 &&
                     nghttp2_session_want_write(session_.get()) == 0);
}

void Session::begin_request(const std::shared_ptr<ServerStream>& stream) {
  auto head = stream->reader.finish(stream->inbound_ended);
  Result<void> readable;
  if (!head) {
    readable = std::unexpected(head.error());
  } else {
    stream->head = std::move(*head);
    if (stream->head.length.value_or(0) > limits_.body_bytes)
      readable =
          openunison::fail(Errc::body_too_large, "the body is too large (RFC 9110 §15.5.14)");
  }
  if (events_.on_request(stream, std::move(readable))) return;
  count_refusal(Refusal::h2_streams);
  reset(*stream, Code::refused_stream);
}

void Session::submit_head(ServerStream& stream, const ResponseHead& head, bool ended) {
  if (stream.closed || broken_) return;
  const std::string status = fmt::format_int(head.status).str();
  std::vector<nghttp2_nv> fields;
  fields.reserve(head.headers.fields().size() + 1);
  fields.push_back(name_value(":status", status));
  for (const Field& field : head.headers.fields())
    fields.push_back(name_value(field.name, field.value));
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = Callbacks::read_body;
  const int submitted = nghttp2_submit_response(session_.get(), stream.id, fields.data(),
                                                fields.size(), ended ? nullptr : &body);
  CHECK(submitted == 0);
  stream.answered = true;
  if (ended) stream.end_queued = true;
}

void Session::submit_continue(ServerStream& stream) {
  // Behind the answer's head it would be a second one (RFC 9110 §15.2).
  if (stream.closed || broken_ || stream.answered) return;
  const nghttp2_nv status = name_value(":status", "100");
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, &status, 1,
                         nullptr);
}

void Session::resume(ServerStream& stream) {
  // An error only says that nghttp2 asks for the data anyway.
  if (!stream.closed && !broken_) nghttp2_session_resume_data(session_.get(), stream.id);
}

void Session::reset(ServerStream& stream, Code code) {
  if (stream.closed || broken_) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id,
                            static_cast<std::uint32_t>(code));
}

void Session::consume(ServerStream& stream, std::size_t bytes) {
  stream.inbound_taken += bytes;
  if (stream.inbound_taken == stream.inbound.size()) {
    stream.inbound = std::string();
    stream.inbound_taken = 0;
  } else if (stream.inbound_taken >= kCompactFrom) {
    stream.inbound.erase(0, stream.inbound_taken);
    stream.inbound_taken = 0;
  }
  if (!stream.closed && !broken_) nghttp2_session_consume(session_.get(), stream.id, bytes);
}

void Session::discard(ServerStream& stream) {
  stream.discards = true;
  if (!stream.closed && !broken_)
    nghttp2_session_consume_connection(session_.get(), stream.unread().size());
  stream.inbound = std::string();
  stream.inbound_taken = 0;
}

void Session::charge_reset() {
  if (!broken_ && !failed_) take(FloodGuard::Kind::reset);
}

bool Session::is_full(const ServerStream& stream) const {
  return !stream.closed && !broken_ &&
         nghttp2_session_get_stream_local_window_size(session_.get(), stream.id) <= 0;
}

void Session::drain() {
  if (broken_ || phase_ == Phase::leaving) return;
  if (streams_.empty() || (drain_deadline_ && now() >= *drain_deadline_))
    return go_away(Code::no_error);
  if (phase_ == Phase::noticed) return;
  phase_ = Phase::noticed;
  drain_deadline_ = now() + kNoticeTime;
  nghttp2_submit_shutdown_notice(session_.get());  // followed by a PING once it is sent
}

void Session::go_away(Code code) {
  if (broken_) return;
  phase_ = Phase::leaving;
  drain_deadline_.reset();
  if (code != Code::no_error || streams_.empty()) {
    nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(code));
  } else {
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()),
                          static_cast<std::uint32_t>(code), nullptr, 0);
  }
}

void Session::abandon() {
  broken_ = true;
  auto streams = std::move(streams_);
  streams_.clear();
  for (const auto& [id, stream] : streams) close(*stream);
}

bool Session::fail(Refusal refusal, Code code) {
  if (failed_ || broken_) return false;
  failed_ = true;
  count_refusal(refusal);
  go_away(code);
  return false;
}

void Session::close(ServerStream& stream) {
  if (!broken_ && !stream.discards && !stream.unread().empty())
    nghttp2_session_consume_connection(session_.get(), stream.unread().size());
  stream.closed = true;
  stream.outbound = {};
  stream.arrived.notify();
  stream.taken.notify();
}

}  // namespace openunison::http::h2
