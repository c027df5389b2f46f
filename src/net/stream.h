// SPDX-License-Identifier: Apache-2.0
//
// Stream: an ordered byte pipe with deadlines: TCP, TLS, or memory (tests). One reader and one
// writer at a time, both on the stream's thread. Destroying it closes it; pending operations then
// have ended (owners join first).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/error.h"
#include "net/task.h"

namespace openunison::net {

struct PeerAddress {
  std::string ip;  // "127.0.0.1", "2001:db8::1"
  std::uint16_t port = 0;
};

struct TlsInfo {
  bool active = false;
  std::string protocol;     // "TLSv1.3"
  std::string alpn;         // "h2", "http/1.1" or ""
  std::string server_name;  // SNI, lower case
  bool resumed = false;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // Reads at least one byte. 0: the peer has finished sending (TLS: close_notify; a TLS stream
  // that ends without one gives Errc::closed). Errors: timed_out, closed, cancelled, io.
  // `into` is written to only in the turn that returns, so many idle streams of a thread may wait
  // with one buffer.
  virtual Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) = 0;
  // Reads what is there without waiting: 0 if nothing is, or at end; the next read_some tells
  // which.
  virtual std::size_t try_read(std::span<char> into) = 0;
  // Writes all of it.
  virtual Task<Result<void>> write(std::string_view data, Deadline deadline) = 0;
  // Gathers: all of both, in as few system calls and TLS records as it can.
  virtual Task<Result<void>> write(std::string_view first, std::string_view second,
                                   Deadline deadline) = 0;
  // Tells the peer that no more comes (TLS: close_notify; TCP: FIN); reading goes on.
  virtual Task<void> shutdown_write(Deadline deadline) = 0;
  // Ends both directions at once; pending operations end with Errc::cancelled. Callable on the
  // stream's own thread only.
  virtual void close() = 0;

  virtual const PeerAddress& peer() const = 0;
  virtual const TlsInfo& tls() const = 0;
};

// Two ends of a pipe in memory, for tests: what is written to one is read from the other. With
// `split` > 0 every read gives at most that many bytes.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> memory_pipe(std::size_t split = 0);

}  // namespace openunison::net
