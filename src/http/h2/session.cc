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
constexpr std::size_t kMaxContinuations = 8;
// Frames of a stream that we reset may be on their way still; beyond so many streams it is not
// believed (RFC 9113 §5.1).
constexpr std::size_t kLatelyReset = 128;

net::Deadline now() {
  return std::chrono::steady_clock::now();
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

nghttp2_nv name_value(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

// What nghttp2 calls. It goes on with the input that it has after a failure: then they do nothing.
struct Session::Callbacks {
  static Session& self(void* data) { return *static_cast<Session*>(data); }
  static ServerStream* stream_of(nghttp2_session* session, std::int32_t id) {
    return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int begin_frame(nghttp2_session* session, const nghttp2_frame_hd* frame, void* data) {
    Session& s = self(data);
    if (s.failed_) return 0;
    if (s.head_began_ && frame->type == NGHTTP2_SETTINGS && s.highest_id_ == 0)
      s.head_began_.reset();  // the preface is whole
    if (const auto kind = cost_of(*frame); kind && !s.guard_.take(*kind, now())) {
      s.fail(FloodGuard::refusal(*kind), Code::enhance_your_calm);
      return 0;
    }
    if (frame->type != NGHTTP2_HEADERS) return 0;
    s.head_began_ = now();
    // nghttp2 overlooks a head on a stream that was never opened, below the highest (RFC 9113
    // §5.1.1), and on one that is closed.
    const std::int32_t id = frame->stream_id;
    if (id > s.highest_id_) {
      s.highest_id_ = id;
    } else if (stream_of(session, id) == nullptr &&
               std::find(s.lately_reset_.begin(), s.lately_reset_.end(), id) ==
                   s.lately_reset_.end()) {
      s.fail(Refusal::malformed, Code::protocol_error);
    }
    return 0;
  }

  static std::optional<FloodGuard::Kind> cost_of(const nghttp2_frame_hd& frame) {
    const bool acknowledges = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame.type) {
      case NGHTTP2_DATA:
      case NGHTTP2_CONTINUATION: {
        const bool ends = (frame.flags & (NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS)) != 0;
        if (frame.length > 0 || ends) return std::nullopt;
        return FloodGuard::Kind::empty;
      }
      case NGHTTP2_HEADERS:
        return std::nullopt;
      case NGHTTP2_RST_STREAM:
        return FloodGuard::Kind::reset;
      case NGHTTP2_SETTINGS:
        return acknowledges ? FloodGuard::Kind::control : FloodGuard::Kind::settings;
      case NGHTTP2_PING:
        return acknowledges ? FloodGuard::Kind::control : FloodGuard::Kind::ping;
      default:
        return FloodGuard::Kind::control;
    }
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (s.failed_ || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const std::int32_t id = frame->hd.stream_id;
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

  // Without this nghttp2 drops the field and serves the request.
  static int invalid_header(nghttp2_session* session, const nghttp2_frame* frame,
                            const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                            std::uint8_t, void*) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (frame->hd.type == NGHTTP2_HEADERS) s.head_began_.reset();
    if (s.failed_) return 0;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
        s.drain_asked_) {
      s.drain_asked_ = false;
      s.go_away(Code::no_error);
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    const auto found = s.streams_.find(frame->hd.stream_id);
    if (found == s.streams_.end() || stream_of(session, frame->hd.stream_id) == nullptr) return 0;
    const std::shared_ptr<ServerStream> stream = found->second;
    if (ends_stream(*frame)) {
      stream->inbound_ended = true;
      stream->arrived.notify();
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      s.begin_request(stream);
    return 0;
  }

  static int invalid_frame(nghttp2_session*, const nghttp2_frame*, int error, void*) {
    count_refusal(Refusal::malformed);
    log::debug("a frame of HTTP/2 was refused", {{"reason", nghttp2_strerror(error)}});
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
    s.close(*stream);
    return 0;
  }

  static int frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& s = self(data);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      s.remember_reset(frame->hd.stream_id);
      // What the client makes us cancel costs it no more than cancelling it itself.
      const std::uint32_t code = frame->rst_stream.error_code;
      if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL &&
          !s.guard_.take(FloodGuard::Kind::reset, now())) {
        s.fail(Refusal::h2_resets, Code::enhance_your_calm);
      }
      return 0;
    }
    if (frame->hd.type == NGHTTP2_DATA) s.guard_.data_was_sent();
    const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                      ends_stream(*frame);
    ServerStream* stream = ends ? stream_of(session, frame->hd.stream_id) : nullptr;
    if (stream == nullptr) return 0;
    stream->end_sent = true;
    if (stream->reset_after_end && !stream->inbound_ended) s.reset(*stream, Code::no_error);
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
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(made, invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_send);
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
      nghttp2_option_set_max_continuations(made, kMaxContinuations);
      return made;
    }();
    return kOptions;
  }
};

void Session::Deleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Session::Session(const Limits& limits, bool secure, SessionEvents& events)
    : limits_(limits), secure_(secure), events_(events), guard_(now()), head_began_(now()) {
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

bool Session::receive(std::string_view bytes) {
  if (failed_ || broken_) return false;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    const bool flooded = taken == NGHTTP2_ERR_FLOODED;
    count_refusal(flooded ? Refusal::h2_pings : Refusal::malformed);
    log::debug("an HTTP/2 connection was given up",
               {{"reason", nghttp2_strerror(static_cast<int>(taken))}});
    broken_ = true;  // nghttp2 may not be asked again
  }
  return !failed_ && !broken_;
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
  if (ended) stream.end_queued = true;
}

void Session::submit_continue(ServerStream& stream) {
  if (stream.closed || broken_) return;
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

void Session::drain() {
  if (broken_ || drain_asked_) return;
  if (streams_.empty()) return go_away(Code::no_error);
  drain_asked_ = true;
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
}

void Session::go_away(Code code) {
  if (broken_) return;
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

void Session::fail(Refusal refusal, Code code) {
  if (failed_) return;
  failed_ = true;
  count_refusal(refusal);
  go_away(code);
}

void Session::remember_reset(std::int32_t id) {
  lately_reset_.push_back(id);
  if (lately_reset_.size() > kLatelyReset) lately_reset_.pop_front();
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
