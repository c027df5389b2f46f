// SPDX-License-Identifier: Apache-2.0
//
// What a Listener is made of, whichever kind of address it has. Private to net/.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/seldom.h"
#include "net/asio.h"
#include "net/listener.h"
#include "net/sockets.h"

namespace openunison::net {

// A socket that is kept for when there are no other descriptors.
class Spare {
 public:
  Spare() { take(); }
  Spare(const Spare&) = delete;
  ~Spare() { give(); }
  void take() {
    if (fd_ < 0) fd_ = sockets::open(AF_INET);
  }
  // False: there was none.
  bool give() {
    if (fd_ < 0) return false;
    sockets::close(fd_);
    fd_ = -1;
    return true;
  }

 private:
  int fd_ = -1;
};

struct Listener::Impl {
  struct Acceptor {
    Acceptor(const Executor& e, int fd) : executor(e), descriptor(e, fd) {}
    Executor executor;
    Descriptor descriptor;
    bool closed = false;
    Spare spare;
    Seldom warning{Millis(1'000)};

    void warn(std::string_view reason) {
      const auto left_out = warning.now();
      if (!left_out) return;
      log::warn("a connection can't be accepted", {{"reason", reason}, {"left_out", *left_out}});
    }
  };
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  AcceptHandler accept;
  std::function<void()> no_files;
  std::uint16_t port = 0;
  // Whether that connection is taken; null: each is. For TCP null.
  bool (*admits)(int socket) = nullptr;
  std::string unlink_path;  // of a Unix socket

  // Accepts until the acceptor is closed.
  static Task<void> run(std::shared_ptr<Impl> impl, std::shared_ptr<Acceptor> acceptor);

 private:
  // Closes the connection that comes next. False: it couldn't be accepted either.
  bool turn_away(Acceptor& acceptor);
  void serve(Acceptor& acceptor, int fd, const sockaddr_storage& address);
};

}  // namespace openunison::net
