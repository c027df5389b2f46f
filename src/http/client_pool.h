// SPDX-License-Identifier: Apache-2.0
//
// The client's idle connections, by thread and origin. Each thread touches its own part only.
// Private to http/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/stream.h"

namespace openunison::http {

class ClientPool {
 public:
  ClientPool(unsigned threads, std::size_t idle_per_origin, Millis idle_timeout);

  // The connection to `origin` that was used last, if that was `longest` ago at most, or null. It
  // may have been closed meanwhile.
  std::unique_ptr<net::Stream> take(unsigned thread, const std::string& origin, MonoTime now,
                                    Millis longest);
  // Keeps it, and lets go of what has been idle for too long, whatever its origin.
  void keep(unsigned thread, const std::string& origin, std::unique_ptr<net::Stream> stream,
            MonoTime now);
  std::size_t size(unsigned thread) const;

 private:
  struct Idle {
    std::unique_ptr<net::Stream> stream;
    MonoTime since;
  };
  using Origins = std::map<std::string, std::vector<Idle>>;  // the oldest first
  void expire(Origins& origins, MonoTime now) const;

  std::vector<Origins> threads_;
  std::size_t idle_per_origin_;
  Millis idle_timeout_;
};

// The connection is open, and nothing came while it was idle (an answer nobody asked for, or the
// end).
Task<bool> is_quiet(net::Stream& stream);

}  // namespace openunison::http
