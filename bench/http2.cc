// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 on nghttp2's client session: many requests at once, a stream each.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "bench/message.h"

namespace openunison::bench {
namespace {

class Http2 final : public Protocol {
 public:
  Http2(std::string authority, Answered answered)
      : authority_(std::move(authority)), answered_(std::move(answered)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1U << 20}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 1 << 24);
  }
  ~Http2() override { nghttp2_session_del(session_); }

  void submit(std::size_t slot, const Request& request) override {
    // After GOAWAY a request would fail as it is sent, and be made anew in the same turn, for ever.
    if (nghttp2_session_check_request_allowed(session_) == 0) {
      broken_ = true;
      return;
    }
    std::vector<nghttp2_nv> fields;
    const auto add = [&fields](const std::string& name, const std::string& value) {
      fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                        name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    };
    static const std::string kMethod = ":method", kScheme = ":scheme", kAuthority = ":authority",
                             kPath = ":path", kHttps = "https", kLength = "content-length";
    const std::string length = std::to_string(request.body.size());
    add(kMethod, request.method);
    add(kScheme, kHttps);
    add(kAuthority, authority_);
    add(kPath, request.target);
    for (const auto& [name, value] : request.headers) add(name, value);
    if (!request.body.empty()) add(kLength, length);

    auto stream = std::make_unique<Stream>();
    stream->slot = slot;
    stream->body = request.body;
    nghttp2_data_provider body{};
    body.source.ptr = stream.get();
    body.read_callback = read_body;
    const std::int32_t id =
        nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                               request.body.empty() ? nullptr : &body, stream.get());
    if (id > 0) {
      streams_.emplace(id, std::move(stream));
    } else {
      broken_ = true;
    }
  }

  bool receive(std::string_view bytes) override {
    const auto taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    return taken >= 0 && !broken_ && nghttp2_session_want_read(session_) != 0;
  }

  void flush(std::string& out) override {
    for (;;) {
      const std::uint8_t* data = nullptr;
      const auto length = nghttp2_session_mem_send(session_, &data);
      if (length <= 0) return;
      out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
    }
  }

 private:
  struct Stream {
    std::size_t slot = 0;
    std::string body;
    std::size_t sent = 0;
    Response response;
  };

  Stream* find(std::int32_t id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t length,
                       std::uint8_t, void* user) {
    Stream* stream = static_cast<Http2*>(user)->find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_length);
    const std::string_view text(reinterpret_cast<const char*>(value), length);
    if (key == ":status") {
      std::from_chars(text.data(), text.data() + text.size(), stream->response.status);
    } else {
      stream->response.headers.emplace_back(key, text);
    }
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t length, void* user) {
    if (Stream* stream = static_cast<Http2*>(user)->find(id))
      stream->response.body.append(reinterpret_cast<const char*>(data), length);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    auto* self = static_cast<Http2*>(user);
    const auto found = self->streams_.find(id);
    if (found == self->streams_.end()) return 0;
    const std::unique_ptr<Stream> stream = std::move(found->second);
    self->streams_.erase(found);
    self->answered_(stream->slot, std::move(stream->response));
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Stream*>(source->ptr);
    const std::size_t count = std::min(room, stream->body.size() - stream->sent);
    std::memcpy(into, stream->body.data() + stream->sent, count);
    stream->sent += count;
    if (stream->sent == stream->body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  const std::string authority_;
  const Answered answered_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> streams_;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Protocol> make_http2(std::string authority, Protocol::Answered answered) {
  return std::make_unique<Http2>(std::move(authority), std::move(answered));
}

}  // namespace openunison::bench
