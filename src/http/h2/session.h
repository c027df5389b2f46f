// SPDX-License-Identifier: Apache-2.0
//
// The server's side of HTTP/2's framing (RFC 9113) on nghttp2: bytes in, requests and bytes out. No
// I/O and no coroutines; the connection around it moves the bytes. Belongs to one thread. Private
// to http/.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "http/edge.h"
#include "http/h2/flood_guard.h"
#include "http/h2/server_stream.h"

struct nghttp2_session;

namespace openunison::http::h2 {

// Error codes of RFC 9113 §7 that we send.
enum class Code : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  refused_stream = 0x7,
  cancel = 0x8,
  enhance_your_calm = 0xb,
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // A head is whole, or an error where it can't be served. False: no room for another request.
  virtual bool on_request(std::shared_ptr<ServerStream> stream, Result<void> head) = 0;
};

class Session {
 public:
  // Both outlive it.
  Session(const Limits& limits, bool secure, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;

  // False: the client broke the protocol or a limit; what produce() gives is still to be sent.
  bool receive(std::string_view bytes);
  // Appends frames until there are none, or `enough` bytes. False: the session is of no more use.
  bool produce(std::string& out, std::size_t enough);
  bool has_output() const;
  // Nothing more is to be read or sent.
  bool finished() const;
  std::size_t open_streams() const { return streams_.size(); }
  // Since when a head, or the preface, has been on its way.
  std::optional<net::Deadline> head_began() const { return head_began_; }

  // Of a stream that isn't closed. `ended`: no body follows.
  void submit_head(ServerStream& stream, const ResponseHead& head, bool ended);
  void submit_continue(ServerStream& stream);
  // `outbound` has changed.
  void resume(ServerStream& stream);
  void reset(ServerStream& stream, Code code);
  // So many bytes of the body were taken: the client may send as many more.
  void consume(ServerStream& stream, std::size_t bytes);
  // Nobody reads the body any more.
  void discard(ServerStream& stream);

  // No new requests: first the notice, then, when the client has seen it, GOAWAY (RFC 9113 §6.8).
  void drain();
  // GOAWAY at once; streams that run go on if `code` is no_error.
  void go_away(Code code);
  // The connection is gone: tells all streams.
  void abandon();

 private:
  struct Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* session) const;
  };
  void begin_request(const std::shared_ptr<ServerStream>& stream);
  void fail(Refusal refusal, Code code);
  void remember_reset(std::int32_t id);
  void close(ServerStream& stream);

  const Limits& limits_;
  const bool secure_;
  SessionEvents& events_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::unordered_map<std::int32_t, std::shared_ptr<ServerStream>> streams_;
  FloodGuard guard_;
  std::optional<net::Deadline> head_began_;
  std::int32_t highest_id_ = 0;            // of the client's streams
  std::deque<std::int32_t> lately_reset_;  // by us: the client may not know yet
  bool failed_ = false, broken_ = false;
  bool drain_asked_ = false;
};

}  // namespace openunison::http::h2
