// SPDX-License-Identifier: Apache-2.0
#include "portal/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace openunison::portal {

std::string in_words(Millis duration) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 3> kUnits{{{86'400, "day"}, {3'600, "hour"}, {60, "minute"}}};
  const std::int64_t seconds = std::chrono::duration_cast<Seconds>(duration).count();
  for (const Unit& unit : kUnits) {
    const std::int64_t whole = seconds / unit.seconds;
    // Up to two of a unit the smaller one says more: "90 minutes", not "1 hour".
    const bool coarse = whole < 2 && unit.seconds > 60;
    if (whole < 1 || coarse) continue;
    // Above minutes the nearest: twelve hours less a minute aren't eleven.
    const std::int64_t count =
        unit.seconds > 60 ? (seconds + unit.seconds / 2) / unit.seconds : whole;
    return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
  }
  return fmt::format("{} second{}", std::max<std::int64_t>(seconds, 0), seconds == 1 ? "" : "s");
}

std::string exact(WallTime time) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<Seconds>(time - day));
  return fmt::format("{} {} {}, {:02}:{:02} UTC", static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count());
}

text::Json when(WallTime time, WallTime now) {
  std::string text;
  if (time > now) {
    // Up to the next minute: what began with fifteen minutes says so.
    text = "in " + in_words(time - now + Seconds(59));
  } else if (now - time < Seconds(60)) {
    text = "just now";
  } else {
    text = in_words(now - time) + " ago";
  }
  text::Json json;
  json.set("text", text);
  json.set("iso", rfc3339(time));
  json.set("exact", exact(time));
  return json;
}

}  // namespace openunison::portal
