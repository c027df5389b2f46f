// SPDX-License-Identifier: Apache-2.0
//
// Seldom: lets something that strangers can make happen be said once in a while only, with how
// often it was not. Thread-safe; two threads at the same instant may both be told to say it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/clock.h"

namespace openunison {

class Seldom {
 public:
  explicit Seldom(Millis every) : every_(every) {}

  // How often it wasn't said since it was last; nullopt: not now.
  std::optional<std::uint64_t> now(MonoTime time = std::chrono::steady_clock::now()) {
    const MonoTime::rep ticks = time.time_since_epoch().count();
    const MonoTime::rep next = next_.load(std::memory_order_relaxed);
    if (ticks < next) {
      left_out_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    next_.store((time + every_).time_since_epoch().count(), std::memory_order_relaxed);
    return left_out_.exchange(0, std::memory_order_relaxed);
  }

 private:
  const Millis every_;
  std::atomic<MonoTime::rep> next_{std::numeric_limits<MonoTime::rep>::min()};
  std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace openunison
