// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <iterator>
#include <mutex>

#include "base/clock.h"
#include "base/scan.h"
#include "base/write_all.h"

namespace openunison::log {
namespace {

constexpr int kStandardError = 2;
std::atomic<Level> lowest_level{Level::info};

// Lines longer than what a pipe takes at once would else mix with other threads'.
std::mutex& writing() {
  static std::mutex& instance = *new std::mutex;  // never destroyed: what ends last may log too
  return instance;
}

void write_line(std::string line) {
  line += '\n';
  const std::lock_guard lock(writing());
  write_all(kStandardError, line);
}

// The code point of the valid UTF-8 sequence `text`.
char32_t code_point(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (text.size() == 1) return first;
  char32_t value = first & (0x7fu >> text.size());
  for (const char c : text.substr(1))
    value = (value << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  return value;
}

// What could end a line, move a terminal's cursor or show text in another order than it stands:
// C0, DEL, C1, line and paragraph separators, directional marks, embeddings and isolates.
bool must_be_escaped(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

// All but ASCII that stands for itself in a JSON string, which is nearly all of what is logged.
constexpr auto is_special = [](unsigned char c) {
  return (c < 0x20) | (c >= 0x7f) | (c == '"') | (c == '\\');
};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t plain = plain_length(text, is_special);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = utf8_sequence(text);
    if (length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const char32_t c = code_point(text.substr(0, length));
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (must_be_escaped(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out += '"';
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "info";
}

// The second's text is made once a second and thread. Kept in plain bytes: what ends last may log
// too, after a string of the thread would be gone.
std::string timestamp() {
  constexpr std::size_t kToTheSecond = sizeof "2026-11-24T01:02:03" - 1;
  const WallTime now = SystemClock().now();
  const WallTime second = std::chrono::floor<Seconds>(now);
  thread_local WallTime known{};
  thread_local std::array<char, kToTheSecond> digits{};
  if (known != second) {
    rfc3339(second).copy(digits.data(), digits.size());
    known = second;
  }
  const auto millis = static_cast<int>((now - second).count());
  std::string text(digits.data(), digits.size());
  text += '.';
  for (const int unit : {100, 10, 1}) text += static_cast<char>('0' + millis / unit % 10);
  return text + 'Z';
}

}  // namespace

void configure(Level lowest) {
  lowest_level = lowest;
}

std::string format_line(std::string_view level, std::string_view message_or_event, bool is_event,
                        Fields fields, std::string_view time) {
  std::string line;
  line.reserve(512);
  line.append(R"({"time":")").append(time).append(R"(","level":")").append(level);
  line.append(is_event ? R"(","event":)" : R"(","message":)");
  append_quoted(line, message_or_event);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_quoted(line, *text);
    } else if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
      line += std::to_string(*integer);
    } else if (const auto* number = std::get_if<double>(&field.value)) {
      line += std::isfinite(*number) ? fmt::format("{}", *number) : "null";
    } else {
      line += std::get<bool>(field.value) ? "true" : "false";
    }
  }
  line += '}';
  return line;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < lowest_level.load(std::memory_order_relaxed)) return;
  write_line(format_line(level_name(level), message, false, fields, timestamp()));
}

void audit(std::string_view event, Fields fields) {
  write_line(format_line("audit", event, true, fields, timestamp()));
}

}  // namespace openunison::log
