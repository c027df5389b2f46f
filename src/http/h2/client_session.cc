// SPDX-License-Identifier: Apache-2.0
#include "http/h2/client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "base/check.h"
#include "http/syntax.h"

namespace openunison::http::h2 {
namespace {

constexpr int kMaxInterim = 16;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// What says who somebody is stays out of HPACK's tables (RFC 7541 §7.1.3).
bool is_secret(std::string_view name) {
  return name == "authorization" || name == "cookie" || name == "proxy-authorization";
}

nghttp2_nv name_value(const Field& field) {
  const auto bytes = [](const std::string& text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  const std::uint8_t flags = is_secret(field.name) ? NGHTTP2_NV_FLAG_NO_INDEX : 0;
  return {bytes(field.name), bytes(field.value), field.name.size(), field.value.size(), flags};
}

Error bad(const char* why) {
  return Error(Errc::bad_gateway, why);
}

}  // namespace

struct ClientSession::Callbacks {
  static ClientSession& self(void* data) { return *static_cast<ClientSession*>(data); }
  static std::shared_ptr<ClientCall> call_of(ClientSession& s, std::int32_t id) {
    const auto found = s.calls_.find(id);
    return found == s.calls_.end() ? nullptr : found->second;
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    const auto call = call_of(self(data), frame->hd.stream_id);
    if (!call) return 0;
    call->any_byte = true;
    call->head_bytes = 0;
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* data) {
    const auto call = call_of(self(data), frame->hd.stream_id);
    if (call && !call->done)
      self(data).take_field(*call, view(name, name_size), view(value, value_size));
    return 0;
  }

  // Without this nghttp2 drops the field and hands on the answer.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                            std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    ClientSession& s = self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) s.leaving_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    const auto call = call_of(s, frame->hd.stream_id);
    if (!call || call->done) return 0;
    const bool is_interim = call->response.status >= 100 && call->response.status < 200;
    if (frame->hd.type == NGHTTP2_HEADERS && is_interim) {
      if (call->response.status == 101 || ++call->interim > kMaxInterim) {
        s.refuse(*call, bad("there are too many interim answers, or one of HTTP/1.1's"));
        return 0;
      }
      call->response = {};
      call->response.status = 0;
    } else if (frame->hd.type == NGHTTP2_HEADERS) {
      call->head_done = true;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) s.finish(*call);
    return 0;
  }

  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                        std::size_t size, void* data) {
    ClientSession& s = self(data);
    const auto call = call_of(s, id);
    if (!call || call->done) return 0;
    if (size > call->max_response_bytes - call->response.body.size()) {
      s.refuse(*call, Error(Errc::body_too_large, "the answer is too large"));
      return 0;
    }
    call->response.body.append(view(bytes, size));
    return 0;
  }

  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* data) {
    ClientSession& s = self(data);
    const auto found = s.calls_.find(id);
    if (found == s.calls_.end()) return 0;
    const std::shared_ptr<ClientCall> call = std::move(found->second);
    s.calls_.erase(found);
    if (call->done) return 0;
    call->unprocessed = code == NGHTTP2_REFUSED_STREAM && !call->any_byte;
    call->wants_http11 = code == NGHTTP2_HTTP_1_1_REQUIRED && !call->any_byte;
    s.refuse(*call, bad(call->unprocessed ? "the server refused the request, to be sent again"
                                          : "the stream was reset, or the answer is malformed "
                                            "(RFC 9113 §8.1.1)"));
    return 0;
  }

  // A request that never left: the origin said GOAWAY before, or nobody waits any more.
  static int frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    ClientSession& s = self(data);
    const auto found = s.calls_.find(frame->hd.stream_id);
    if (found == s.calls_.end()) return 0;
    const std::shared_ptr<ClientCall> call = std::move(found->second);
    s.calls_.erase(found);
    call->unprocessed = true;
    s.refuse(*call, bad("the server takes no more requests on this connection"));
    return 0;
  }

  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    if (frame->hd.type == NGHTTP2_DATA) self(data).guard_.data_was_sent();
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& call = *static_cast<ClientCall*>(source->ptr);
    const std::size_t count = call.body.copy(reinterpret_cast<char*>(into), room);
    call.body.remove_prefix(count);
    if (call.body.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
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
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_close);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, frame_not_send);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_send);
      return made;
    }();
    return kAll;
  }
};

void ClientSession::Deleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

ClientSession::ClientSession(const Limits& limits)
    : limits_(limits), splitter_(0), guard_(std::chrono::steady_clock::now()) {
  nghttp2_session* made = nullptr;
  CHECK(nghttp2_session_client_new(&made, Callbacks::all(), this) == 0);
  session_.reset(made);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.header_bytes)},
  };
  CHECK(nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0);
}

ClientSession::~ClientSession() = default;

bool ClientSession::submit(const std::shared_ptr<ClientCall>& call,
                           const std::vector<Field>& fields) {
  if (!accepts()) return false;
  std::vector<nghttp2_nv> list;
  list.reserve(fields.size());
  for (const Field& field : fields) list.push_back(name_value(field));
  nghttp2_data_provider body{};
  body.source.ptr = call.get();
  body.read_callback = Callbacks::read_body;
  const std::int32_t id = nghttp2_submit_request(session_.get(), nullptr, list.data(), list.size(),
                                                 call->body.empty() ? nullptr : &body, nullptr);
  if (id <= 0) return false;
  call->id = id;
  calls_.emplace(id, call);
  return true;
}

void ClientSession::cancel(ClientCall& call) {
  if (call.done) return;
  refuse(call, Error(net::Errc::cancelled, "nobody waits for the answer any more"));
}

bool ClientSession::accepts() const {
  return !broken_ && !leaving_ && nghttp2_session_check_request_allowed(session_.get()) != 0;
}

bool ClientSession::receive(std::string_view bytes) {
  FrameSplitter::Piece piece;
  while (!broken_ && !error_ && splitter_.next(bytes, piece)) {
    if (piece.kind == FrameSplitter::Piece::Kind::header && !check_cost()) {
      fail("the server sends too many frames that mean nothing (RFC 9113 §10.5)");
      break;
    }
    // Our first SETTINGS say that we take none, and stand before the request that one would answer.
    if (piece.kind == FrameSplitter::Piece::Kind::header &&
        splitter_.header().type == NGHTTP2_PUSH_PROMISE) {
      fail("the server pushes what wasn't asked for (RFC 9113 §8.4)");
      break;
    }
    const ssize_t taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(piece.bytes.data()),
        piece.bytes.size());
    if (taken >= 0) continue;
    broken_ = true;
    error_ = bad("the server doesn't speak HTTP/2 as we accept it");
  }
  return !broken_ && !error_;
}

bool ClientSession::check_cost() {
  using Kind = FloodGuard::Kind;
  const FrameHeader& frame = splitter_.header();
  std::optional<Kind> kind = Kind::control;
  switch (frame.type) {
    case frame_type::kHeaders:
      kind.reset();
      break;
    case frame_type::kData:
    case frame_type::kContinuation:
      if (frame.length > 0 || frame.has(frame_flag::kEndStream | frame_flag::kEndHeaders))
        kind.reset();
      else
        kind = Kind::empty;
      break;
    case frame_type::kResetStream:
      kind = Kind::reset;
      break;
    case frame_type::kSettings:
      if (!frame.has(frame_flag::kAcknowledge)) kind = Kind::settings;
      break;
    case frame_type::kPing:
      if (!frame.has(frame_flag::kAcknowledge)) kind = Kind::ping;
      break;
    default:
      break;
  }
  return !kind || guard_.take(*kind, std::chrono::steady_clock::now());
}

bool ClientSession::produce(std::string& out, std::size_t enough) {
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

bool ClientSession::has_output() const {
  return !broken_ && nghttp2_session_want_write(session_.get()) != 0;
}

bool ClientSession::finished() const {
  return broken_ || (nghttp2_session_want_read(session_.get()) == 0 &&
                     nghttp2_session_want_write(session_.get()) == 0);
}

void ClientSession::take_field(ClientCall& call, std::string_view name, std::string_view value) {
  call.head_bytes += name.size() + value.size();
  if (call.head_bytes > limits_.header_bytes ||
      call.response.headers.fields().size() >= limits_.header_count)
    return refuse(call, bad("the answer's head is too large"));
  if (name == ":status") {
    const auto status = value.size() == 3 ? parse_decimal(value) : std::nullopt;
    if (!status || *status < 100 || *status > 599)
      return refuse(call, bad("the answer's status is not one (RFC 9110 §15)"));
    call.response.status = static_cast<int>(*status);
    return;
  }
  if (call.head_done) return;  // trailers are counted and dropped
  if (!is_token(name) || !is_field_value(value) || trim_white_space(value).size() != value.size())
    return refuse(call, bad("a field of the answer is not valid (RFC 9113 §8.2.1)"));
  if (name == "content-length") {
    const auto length = parse_decimal(value);
    if (length && *length > call.max_response_bytes)
      return refuse(call, Error(Errc::body_too_large, "the answer is too large"));
  }
  call.response.headers.add(std::string(name), std::string(value));
}

void ClientSession::finish(ClientCall& call) {
  call.done = true;
  // The origin needed no more of the request than it has (RFC 9113 §8.1).
  if (!call.body.empty())
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_NO_ERROR);
  call.body = {};
  call.changed.notify();
}

void ClientSession::refuse(ClientCall& call, Error error) {
  if (call.done) return;
  call.error = std::move(error);
  call.done = true;
  call.body = {};
  if (!broken_ && calls_.contains(call.id))
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_CANCEL);
  call.changed.notify();
}

void ClientSession::fail(const char* why) {
  if (error_) return;
  error_ = bad(why);
  leaving_ = true;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

void ClientSession::go_away() {
  if (broken_) return;
  leaving_ = true;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
}

void ClientSession::abandon(const Error& error) {
  broken_ = true;
  auto calls = std::move(calls_);
  calls_.clear();
  for (const auto& [id, call] : calls) refuse(*call, error_ ? *error_ : error);
}

}  // namespace openunison::http::h2
