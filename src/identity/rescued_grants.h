// SPDX-License-Identifier: Apache-2.0
//
// RescuedGrants: what a spent refresh token was rotated into. The provider has forgotten the old
// token; a caller that could not store the new one, or never got it, still comes with the old: here
// it leads to the new grant, until somebody comes with that. In memory and bounded; after a restart
// the session's own rule for unfinished re-reads applies. Thread-safe.
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
    if (const auto former = grants_.find(key); former != grants_.end()) erase(former);
    grants_.emplace(key, grant);
    spent_for_[key_of(grant.refresh_token)] = key;
    order_.push_back(key);
    while (order_.size() > most_) erase(grants_.find(order_.front()));
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
    if (const auto found = grants_.find(key); found != grants_.end()) erase(found);
  }
  // Somebody has `token`: what led to it isn't needed any more.
  void arrived(const Secret& token) {
    const std::string key = key_of(token);
    const std::lock_guard lock(mutex_);
    const auto spent = spent_for_.find(key);
    if (spent != spent_for_.end()) erase(grants_.find(spent->second));
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return grants_.size();
  }

 private:
  using Grants = std::unordered_map<std::string, Grant>;

  void erase(Grants::iterator entry) {
    spent_for_.erase(key_of(entry->second.refresh_token));
    std::erase(order_, entry->first);
    grants_.erase(entry);
  }
  static std::string key_of(const Secret& token) {
    return std::string(crypto::view(crypto::sha256(token.reveal())));
  }
  const std::size_t most_;
  mutable std::mutex mutex_;
  Grants grants_;                                           // by the spent token
  std::unordered_map<std::string, std::string> spent_for_;  // by the new one
  std::deque<std::string> order_;
};

}  // namespace openunison::identity
