// SPDX-License-Identifier: Apache-2.0
//
// Uses of sessions that aren't written yet: several of one session become one write. Reads look
// here too, so a use counts at once; a crash loses it. Thread-safe. Private to store/.
#pragma once

#include <mutex>
#include <unordered_map>

#include "store/records.h"

namespace openunison::store {

class Touches {
 public:
  using Map = std::unordered_map<SessionId, WallTime>;

  // True if there was none to write before.
  bool note(SessionId id, WallTime at);
  // Moves session.last_used_at forward to a noted use.
  void apply(Session& session) const;
  // To write; stays noted until written().
  Map pending() const;
  void written(const Map& map);
  bool empty() const;
  // Grows when written() forgets uses. A read of committed rows is right, with apply(), if it is
  // the same before and after: else a use may have gone from here to a row that had been read
  // already.
  std::uint64_t epoch() const;
  // While one lives, written() forgets nothing (it is all written once more later).
  class Hold {
   public:
    explicit Hold(Touches& touches);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Touches& touches_;
  };

 private:
  mutable std::mutex mutex_;
  std::uint64_t epoch_ = 0;
  std::size_t holds_ = 0;
  Map map_;
};

}  // namespace openunison::store
