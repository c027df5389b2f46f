// SPDX-License-Identifier: Apache-2.0
#include "http/date.h"

#include <fmt/format.h>

#include <ctime>

namespace openunison::http {

std::string format_http_date(std::int64_t seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday],
                     parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

std::string_view http_date() {
  thread_local std::string text;
  thread_local std::time_t made = -1;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    made = now;
    text = format_http_date(now);
  }
  return text;
}

}  // namespace openunison::http
