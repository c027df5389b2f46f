// SPDX-License-Identifier: Apache-2.0
//
// The other end of an HTTP/2 connection in memory, for tests: writes any bytes, reads what comes
// back frame by frame. Its calls block: the runtime runs while one of them does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "connection_fixture.h"
#include "h2_frames.h"
#include "http/edge.h"

struct nghttp2_hd_inflater;

namespace openunison::http::testing {

struct ReceivedFrame {
  std::uint8_t type = 0, flags = 0;
  std::int32_t stream = 0;
  std::string payload;
};

// What came on one stream.
struct H2Answer {
  int status = 0;                          // of the last head that has one
  std::vector<int> interim;                // 1xx before it
  FieldList fields;                        // of the last head
  std::vector<std::string> never_indexed;  // names of those that may be in no table
  std::string body;
  bool ended = false;
  std::optional<std::uint32_t> reset;

  std::string header(std::string_view name) const;  // "" where absent
  bool done() const { return ended || reset; }
};

// Everything that came on a connection.
class H2Reading {
 public:
  H2Reading();
  ~H2Reading();
  void add(std::string_view bytes);

  const H2Answer& stream(std::int32_t id) { return streams_[id]; }
  std::vector<ReceivedFrame> frames;
  std::vector<std::uint32_t> go_aways;  // codes
  std::uint32_t last_stream = 0;        // of the last GOAWAY
  std::size_t pongs = 0;
  std::size_t data_bytes = 0;
  std::size_t count(FrameType type) const;

 private:
  void take(const ReceivedFrame& frame);
  void take_block(const ReceivedFrame& frame);
  std::string buffer_;
  std::map<std::int32_t, H2Answer> streams_;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class H2Peer {
 public:
  // The server sees it at 127.0.0.1.
  H2Peer(Service& service, const Limits& limits = {}, std::size_t split = 0, Proxies proxies = {});
  ~H2Peer();

  // False: the server had closed before it took all of it.
  bool send(std::string bytes);
  // Reads until `done`, or the end of the connection, or ten seconds. What `done` says then.
  bool wait_for(std::function<bool(H2Reading&)> done);
  bool wait_for_answer(std::int32_t stream);
  // Reads until the server closed.
  bool wait_for_end();
  // Without reading.
  void let_run(Millis time = Millis(30));
  // As the server does at SIGTERM, without waiting.
  void begin_drain();
  void drop() { client_.reset(); }
  // The server's coroutine of the connection has returned.
  bool server_ended();

  H2Reading got;
  const H2Answer& stream(std::int32_t id) { return got.stream(id); }
  Edge& edge() { return *edge_; }
  net::Runtime& runtime() { return runtime_; }

 private:
  net::Runtime runtime_{1};
  std::shared_ptr<Edge> edge_;
  std::shared_ptr<net::Completion> ended_;
  std::unique_ptr<net::Stream> client_;
};

}  // namespace openunison::http::testing
