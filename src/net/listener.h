// SPDX-License-Identifier: Apache-2.0
//
// Listener: accepts TCP on one address, one socket per runtime thread (SO_REUSEPORT), and gives
// each connection to `accept` as a coroutine on that thread. UnixListener: the admin socket (0600).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/runtime.h"
#include "net/stream.h"

namespace openunison::net {

using AcceptHandler = std::function<Task<void>(std::unique_ptr<Stream>)>;

class Listener {
 public:
  // `address`: "127.0.0.1:8443", "[::1]:8443", "0.0.0.0:0" (0: any free port). Error: io, naming
  // the address. Out of file descriptors a connection is accepted with one that was kept for that
  // and closed at once, so that its client needn't wait; `no_files` is told.
  static Result<std::unique_ptr<Listener>> open(Runtime& runtime, const std::string& address,
                                                AcceptHandler accept,
                                                std::function<void()> no_files = {});
  // A Unix socket with mode 0600, on thread 0; a stale file is replaced, a live one is an error.
  static Result<std::unique_ptr<Listener>> open_unix(Runtime& runtime, const std::string& path,
                                                     AcceptHandler accept);
  ~Listener();

  std::uint16_t port() const;
  // Stops accepting; connections live on. Thread-safe.
  void close();

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Says who is really behind a TCP connection that a proxy passes on. `tcp`: as a Listener gave it.
void assume_peer(Stream& tcp, PeerAddress peer);

}  // namespace openunison::net
