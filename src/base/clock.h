// SPDX-License-Identifier: Apache-2.0
//
// Clock: the one source of time, injected so that tests can move it. What is stored or signed uses
// wall time; what waits uses monotonic time (see docs/patterns.md).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace openunison {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
// UTC, since 1970-01-01, to the millisecond.
using WallTime = std::chrono::sys_time<Millis>;
using MonoTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;
  virtual MonoTime mono() const = 0;
};

// The system's clocks; thread-safe.
class SystemClock final : public Clock {
 public:
  WallTime now() const override;
  MonoTime mono() const override;
};

// For tests: stands still until moved; thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(Seconds(1'700'000'000)))
      : now_(start.time_since_epoch().count()) {}
  WallTime now() const override { return WallTime(Millis(now_.load())); }
  MonoTime mono() const override { return MonoTime(Millis(mono_.load())); }
  // Moves both clocks.
  void advance(Millis by) {
    now_ += by.count();
    mono_ += by.count();
  }
  // A step of the wall clock alone, as NTP does it.
  void step(Millis by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_;
  std::atomic<std::int64_t> mono_{1};
};

// Seconds since the epoch, rounded down: the unit of JWT NumericDate (RFC 7519 §2).
std::int64_t unix_seconds(WallTime time);
// Outside the years 1 to 9999 the nearest end of that range, so that a number which came off the
// network can't overflow in later arithmetic.
WallTime from_unix_seconds(std::int64_t seconds);
// "2026-11-24T01:02:03Z" (RFC 3339, UTC, whole seconds).
std::string rfc3339(WallTime time);

}  // namespace openunison
