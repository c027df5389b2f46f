// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>

namespace openunison {

WallTime SystemClock::now() const {
  return std::chrono::floor<Millis>(std::chrono::system_clock::now());
}

MonoTime SystemClock::mono() const {
  return std::chrono::steady_clock::now();
}

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}

WallTime from_unix_seconds(std::int64_t seconds) {
  constexpr std::int64_t kYear1 = -62'135'596'800, kEndOfYear9999 = 253'402'300'799;
  return WallTime(Seconds(std::clamp(seconds, kYear1, kEndOfYear9999)));
}

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<Seconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace openunison
