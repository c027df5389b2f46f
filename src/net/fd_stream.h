// SPDX-License-Identifier: Apache-2.0
//
// A non-blocking socket with deadlines, and the Stream on it. TLS uses the same Socket below.
// Private to net/.
#pragma once

#include <memory>

#include "net/asio.h"
#include "net/stream.h"

namespace openunison::net {

// Operations are tried first and wait only when the socket says so; then one timer guards both
// directions. The timer is left running when an operation ends and looked at again when it fires,
// so a busy connection hardly ever sets one.
class Socket : public std::enable_shared_from_this<Socket> {
 public:
  // Owns `fd` from here on, and closes it where it can't be watched (epoll is out of room). Error:
  // io.
  static Result<std::shared_ptr<Socket>> create(const Executor& executor, int fd);
  explicit Socket(const Executor& executor) : descriptor_(executor), timer_(executor) {}

  int fd() { return descriptor_.native_handle(); }
  // Until readable (or writable). Errors: timed_out, cancelled.
  Task<Result<void>> wait_readable(Deadline deadline) {
    return wait(read_, Descriptor::wait_read, deadline);
  }
  Task<Result<void>> wait_writable(Deadline deadline) {
    return wait(write_, Descriptor::wait_write, deadline);
  }
  void close();
  bool closed() const { return closed_; }

 private:
  struct Direction {
    bool waiting = false, expired = false;
    Deadline deadline = kNoDeadline;
  };
  Task<Result<void>> wait(Direction& direction, Descriptor::wait_type type, Deadline deadline);
  void arm(Deadline deadline);
  void on_timer();

  Descriptor descriptor_;
  Timer timer_;
  Direction read_, write_;
  Deadline armed_ = kNoDeadline;
  bool closed_ = false;
};

// Until a connect that was begun has ended, well or not. One file per system:
// wait_connected_posix.cc, wait_connected_windows.cc. Errors: timed_out, cancelled.
Task<Result<void>> wait_connected(Socket& socket, Deadline deadline);

class FdStream final : public Stream {
 public:
  FdStream(std::shared_ptr<Socket> socket, PeerAddress peer)
      : socket_(std::move(socket)), peer_(std::move(peer)) {}
  ~FdStream() override {
    if (socket_) socket_->close();
  }

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override;
  std::size_t try_read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view data, Deadline deadline) override;
  Task<Result<void>> write(std::string_view first, std::string_view second,
                           Deadline deadline) override;
  Task<void> shutdown_write(Deadline deadline) override;
  void close() override { socket_->close(); }
  const PeerAddress& peer() const override { return peer_; }
  const TlsInfo& tls() const override { return tls_; }

  void assume_peer(PeerAddress peer) { peer_ = std::move(peer); }
  // Gives the socket away (to TLS); this stream is of no use afterwards.
  std::shared_ptr<Socket> release() { return std::move(socket_); }

 private:
  std::shared_ptr<Socket> socket_;
  PeerAddress peer_;
  TlsInfo tls_;
};

}  // namespace openunison::net
