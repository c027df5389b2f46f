// SPDX-License-Identifier: Apache-2.0
//
// RescuedGrants: rotated refresh tokens whose re-read failed after the rotation. The provider has
// forgotten the old token, the caller still holds only that one: here it leads to the new grant,
// until a re-read succeeds. In memory and bounded; after a restart the session's own rule for
// unfinished re-reads applies. Thread-safe.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "crypto/hash.h"
#include "identity/identity.h"

namespace openunison::identity {

class RescuedGrants {
 public:
  explicit RescuedGrants(std::size_t most = 4'096) : most_(most) {}

  void keep(const Secret& spent, const Grant& grant) {
    const std::string key = key_of(spent);
    const std::lock_guard lock(mutex_);
    if (grants_.insert_or_assign(key, grant).second) order_.push_back(key);
    while (order_.size() > most_) {
      grants_.erase(order_.front());
      order_.pop_front();
    }
  }
  std::optional<Grant> find(const Secret& spent) const {
    const std::string key = key_of(spent);
    const std::lock_guard lock(mutex_);
    const auto found = grants_.find(key);
    return found == grants_.end() ? std::nullopt : std::optional(found->second);
  }
  void forget(const Secret& spent) {
    const std::string key = key_of(spent);
    const std::lock_guard lock(mutex_);
    if (grants_.erase(key) > 0) std::erase(order_, key);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return grants_.size();
  }

 private:
  static std::string key_of(const Secret& token) {
    return std::string(crypto::view(crypto::sha256(token.reveal())));
  }
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Grant> grants_;
  std::deque<std::string> order_;
};

}  // namespace openunison::identity
