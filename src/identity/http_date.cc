// SPDX-License-Identifier: Apache-2.0
#include "identity/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace openunison::identity {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // Ddd, DD Mmm YYYY HH:MM:SS GMT
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto day = number<int>(text.substr(5, 2));
  const auto year = number<int>(text.substr(12, 4));
  const auto hour = number<int>(text.substr(17, 2));
  const auto minute = number<int>(text.substr(20, 2));
  const auto second = number<int>(text.substr(23, 2));
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (!day || !year || !hour || !minute || !second || month == kMonths.end()) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + Seconds(*second);
}

std::optional<Millis> retry_after(const http::Headers& headers, WallTime now) {
  static constexpr std::int64_t kMostSeconds = 86'400 * 365;
  const auto date = headers.get("date");
  const auto provider_now = date ? parse_http_date(*date) : std::nullopt;
  const WallTime reference = provider_now.value_or(now);
  if (const auto value = headers.get("retry-after")) {
    if (const auto seconds = number<std::int64_t>(*value))
      return Seconds(std::min(*seconds, kMostSeconds));
    if (const auto until = parse_http_date(*value)) return std::max(Millis(0), *until - reference);
  }
  if (const auto value = headers.get("x-rate-limit-reset")) {
    if (const auto until = number<std::int64_t>(*value); until && *until < 253'402'300'800) {
      return std::max(Millis(0), from_unix_seconds(*until) - reference);
    }
  }
  return std::nullopt;
}

}  // namespace openunison::identity
