// SPDX-License-Identifier: Apache-2.0
//
// Is a recorded history of concurrent calls explained by some order of single steps? Wing and
// Gong's search (1993) with Lowe's memoisation (2017): calls are linearised one after the other,
// each only while it is pending, and a set of linearised calls that led to a state before isn't
// tried again. A model is a value with `bool apply(const Call&)`: whether the call, done now, gives
// what was recorded; it changes the model where so. Models are compared and hashed by `key()`.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace openunison::store {

template <class Call>
struct Recorded {
  Call call;
  int begun = 0;
  int done = 0;  // places in one order of all beginnings and ends
};

// At most 64 calls.
template <class Model, class Call>
class LinearizabilityCheck {
 public:
  explicit LinearizabilityCheck(std::vector<Recorded<Call>> history)
      : history_(std::move(history)) {}

  bool explained(const Model& start) {
    seen_.clear();
    return history_.size() <= 64 && search(start, 0);
  }

 private:
  bool search(const Model& model, std::uint64_t linearized) {
    if (linearized == all()) return true;
    if (!seen_.insert(std::to_string(linearized) + '/' + model.key()).second) return false;
    // A call may come next only if no other one, still to come, was done before it began.
    int first_done = INT32_MAX;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if ((linearized >> i & 1) == 0) first_done = std::min(first_done, history_[i].done);
    }
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if ((linearized >> i & 1) != 0 || history_[i].begun > first_done) continue;
      Model next = model;
      if (next.apply(history_[i].call) && search(next, linearized | std::uint64_t{1} << i))
        return true;
    }
    return false;
  }
  std::uint64_t all() const {
    return history_.size() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << history_.size()) - 1;
  }

  std::vector<Recorded<Call>> history_;
  std::unordered_set<std::string> seen_;
};

}  // namespace openunison::store
