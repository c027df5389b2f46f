// SPDX-License-Identifier: Apache-2.0
//
// The server's side of HTTP/2's framing (RFC 9113) on nghttp2: bytes in, requests and bytes out. No
// I/O and no coroutines; the connection around it moves the bytes. nghttp2 does the framing, HPACK,
// flow control and the form of fields; looked at here, frame by frame, is what it overlooks
// (docs/adr/0008-http2.md). Belongs to one thread. Private to http/.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "http/edge.h"
#include "http/h2/closed_streams.h"
#include "http/h2/flood_guard.h"
#include "http/h2/frame_splitter.h"
#include "http/h2/server_stream.h"

struct nghttp2_session;

namespace openunison::http::h2 {

// Error codes of RFC 9113 §7 that we send.
enum class Code : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  stream_closed = 0x5,
  refused_stream = 0x7,
  cancel = 0x8,
  enhance_your_calm = 0xb,
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // A head is whole, or an error where it can't be served. False: no room for another request.
  // Called outside of nghttp2, so everything of the session may be called from it.
  virtual bool on_request(std::shared_ptr<ServerStream> stream, Result<void> head) = 0;
};

class Session {
 public:
  // `limits` and `events` outlive it. `for_many`: as FloodGuard has it.
  Session(const Limits& limits, bool secure, bool for_many, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;

  // False: the client broke the protocol or a limit; what produce() gives is still to be sent.
  // Not to be called by what it calls.
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
  // A stream that ends otherwise costs the client no less than cancelling it.
  void charge_reset();
  // So many bytes of the body were taken: the client may send as many more.
  void consume(ServerStream& stream, std::size_t bytes);
  // Nobody reads the body any more.
  void discard(ServerStream& stream);
  // The client has filled the stream's window, and waits.
  bool is_full(const ServerStream& stream) const;

  // No new requests: first the notice, then, when the client has seen it or a deadline has passed,
  // GOAWAY with the last request that is served (RFC 9113 §6.8).
  void drain();
  // When the second step is due, whatever the client does.
  std::optional<net::Deadline> drain_deadline() const { return drain_deadline_; }
  // GOAWAY at once; streams that run go on if `code` is no_error.
  void go_away(Code code);
  // The connection is gone: tells all streams.
  void abandon();

 private:
  struct Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* session) const;
  };
  // Rules of ours. False: the connection fails, and the frame is not for nghttp2.
  bool check_header();
  bool check_head(const FrameHeader& frame);
  bool check_data(const FrameHeader& frame);
  bool check_payload();
  bool check_cost(const FrameHeader& frame);
  void end_frame();
  void feed(std::string_view bytes);
  void begin_requests();
  void begin_request(const std::shared_ptr<ServerStream>& stream);
  // False.
  bool fail(Refusal refusal, Code code);
  bool take(FloodGuard::Kind kind);
  void close(ServerStream& stream);

  const Limits& limits_;
  const bool secure_;
  SessionEvents& events_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::unordered_map<std::int32_t, std::shared_ptr<ServerStream>> streams_;
  std::vector<std::shared_ptr<ServerStream>> arrived_;  // with a whole head, not begun yet
  FrameSplitter splitter_;
  FloodGuard guard_;
  ClosedStreams closed_;
  std::optional<net::Deadline> head_began_;
  std::size_t continuations_ = 0;    // of the present head
  std::int32_t highest_id_ = 0;      // of the client's streams
  std::int32_t highest_opened_ = 0;  // of those that nghttp2 took
  bool failed_ = false;              // by a rule of ours
  bool broken_ = false;              // nghttp2 may not be asked again
  std::optional<net::Deadline> drain_deadline_;
  enum class Phase { serving, noticed, leaving } phase_ = Phase::serving;
};

}  // namespace openunison::http::h2
