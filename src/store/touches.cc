// SPDX-License-Identifier: Apache-2.0
#include "store/touches.h"

#include <algorithm>

namespace openunison::store {

bool Touches::note(SessionId id, WallTime at) {
  const std::lock_guard lock(mutex_);
  const bool first = map_.empty();
  WallTime& noted = map_.try_emplace(id, at).first->second;
  noted = std::max(noted, at);
  return first;
}

void Touches::apply(Session& session) const {
  const std::lock_guard lock(mutex_);
  const auto found = map_.find(session.id);
  if (found != map_.end()) session.last_used_at = std::max(session.last_used_at, found->second);
}

Touches::Map Touches::pending() const {
  const std::lock_guard lock(mutex_);
  return map_;
}

void Touches::written(const Map& map) {
  const std::lock_guard lock(mutex_);
  if (map.empty() || holds_ > 0) return;
  ++epoch_;
  for (const auto& [id, at] : map) {
    const auto found = map_.find(id);
    if (found != map_.end() && found->second == at) map_.erase(found);
  }
}

bool Touches::empty() const {
  const std::lock_guard lock(mutex_);
  return map_.empty();
}

Touches::Hold::Hold(Touches& touches) : touches_(touches) {
  const std::lock_guard lock(touches_.mutex_);
  ++touches_.holds_;
}

Touches::Hold::~Hold() {
  const std::lock_guard lock(touches_.mutex_);
  --touches_.holds_;
}

std::uint64_t Touches::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

}  // namespace openunison::store
