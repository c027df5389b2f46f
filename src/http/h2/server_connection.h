// SPDX-License-Identifier: Apache-2.0
//
// The server's side of an HTTP/2 connection: moves bytes between the stream below and the session,
// and runs every request as a coroutine of its own, all on the connection's thread. Private to
// http/.
#pragma once

#include <memory>
#include <string_view>

#include "http/edge.h"
#include "http/h2/session.h"

namespace openunison::http::h2 {

class ServerConnection final : public std::enable_shared_from_this<ServerConnection>,
                               private SessionEvents {
 public:
  ServerConnection(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge,
                   std::shared_ptr<Connection> connection);

  // Returns when the connection is gone and all its requests have ended.
  Task<void> run();

  // For requests.
  const Edge& edge() const { return *edge_; }
  Session& session() { return session_; }
  const net::PeerAddress& peer() const { return stream_->peer(); }
  const net::TlsInfo& tls() const { return stream_->tls(); }
  // Sees to it that what the session has gets sent.
  void flush();
  // So many bytes of an answer are kept until the client takes them. False: too many are already;
  // nothing was added.
  bool keep_waiting(std::size_t bytes);
  void taken(std::size_t bytes) { waiting_bytes_ -= bytes; }
  // Hands over `data`, and with `last` the end; returns when it is in frames, which the client's
  // windows allow. Errors: closed, timed_out.
  Task<Result<void>> put(ServerStream& stream, std::string_view data, bool last,
                         net::Deadline deadline);

 private:
  bool on_request(std::shared_ptr<ServerStream> stream, Result<void> head) override;
  static Task<void> answer(std::shared_ptr<ServerConnection> self,
                           std::shared_ptr<ServerStream> stream, Result<void> head);
  Task<void> answer_one(const std::shared_ptr<ServerStream>& stream, const Result<void>& head);
  Task<void> see_off(ServerStream& stream);
  Request to_request(const std::shared_ptr<ServerStream>& stream);
  static Task<void> write_out(std::shared_ptr<ServerConnection> self);
  Task<bool> write_frames();
  Task<void> say_goodbye();
  net::Deadline next_deadline();
  void on_deadline();
  void begin_drain();
  static Task<void> end_drain(std::shared_ptr<ServerConnection> self, net::Deadline when);
  void note_idle();

  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<Edge> edge_;
  std::shared_ptr<Connection> connection_;
  const Limits& limits_;
  const bool secure_;
  const bool for_many_;  // a trusted proxy's
  Session session_;
  net::Executor executor_;
  bool heard_ = false;  // a first byte came
  net::Deadline idle_since_;
  bool writing_ = false, reading_ = true;
  bool receiving_ = false;     // the session is being fed: what it has to send waits for the rest
  bool leaving_ = false;       // the client was too slow, or idle
  bool said_goodbye_ = false;  // nothing more is sent
  std::size_t running_ = 0;    // requests, also of streams that the client has cancelled
  std::size_t served_ = 0;
  std::size_t waiting_bytes_ = 0;  // of answers that the client hasn't taken
  net::Signal changed_;            // of the members above
};

}  // namespace openunison::http::h2
