// SPDX-License-Identifier: Apache-2.0
//
// Uses of sessions that aren't written yet: several of one session become one write. Reads look here too, so a use
// counts at once; a crash loses it. Thread-safe. Private to store/.
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

 private:
  mutable std::mutex mutex_;
  Map map_;
};

}  // namespace openunison::store
