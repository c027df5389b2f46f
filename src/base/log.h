// SPDX-License-Identifier: Apache-2.0
//
// Structured logs: one JSON object a line on standard error. A line is with the kernel when the
// call returns, so a crash loses none, audit lines least of all. Values are escaped, so no input
// can forge a line or move a terminal's cursor. Secret has no conversion to a field's value: it
// can't be logged. Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace openunison::log {

enum class Level { debug, info, warn, error };

struct Field {
  std::string_view key;  // snake_case; "time", "level", "message" and "event" are taken
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class Integer>
    requires std::is_integral_v<Integer> && (!std::is_same_v<Integer, bool>)
  Field(std::string_view k, Integer v) : key(k), value(static_cast<std::int64_t>(v)) {}
};
using Fields = std::initializer_list<Field>;

// Until this is called, lines of level info and above are written.
void configure(Level lowest);

void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

// An audit line: {"time":...,"level":"audit","event":"sign_in",...}; never filtered by level.
// Events: sign_in, sign_in_refused, consent, device_authorization, token, token_refused,
// revocation, session_ended, all_sessions_ended, logout_notice, eviction_token, user_changed,
// key_changed. Fields as they apply: user, provider, address, client, session, jti, reason,
// request.
void audit(std::string_view event, Fields fields);

// The line that write() would print, without newline; for tests.
std::string format_line(std::string_view level, std::string_view message_or_event, bool is_event,
                        Fields fields, std::string_view time);

}  // namespace openunison::log
