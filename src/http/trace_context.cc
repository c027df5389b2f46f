// SPDX-License-Identifier: Apache-2.0
#include "http/trace_context.h"

#include <algorithm>
#include <span>
#include <vector>

namespace openunison::http {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr std::size_t kTraceAt = 3, kParentAt = 36, kFlagsAt = 53, kLength = 55;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

void write_hex(std::span<char> into, std::uint64_t value) {
  for (std::size_t i = into.size(); i-- > 0; value >>= 4) into[i] = "0123456789abcdef"[value & 0xf];
}

std::uint64_t not_zero(std::uint64_t value) {
  return value == 0 ? 1 : value;
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// One side of a key: starts with a letter (a tenant may start with a digit, §3.3.1.3.1).
bool is_key_part(std::string_view part, std::size_t longest, bool may_start_with_digit) {
  if (part.empty() || part.size() > longest || !is_lower_or_digit(part[0])) return false;
  if (!may_start_with_digit && part[0] <= '9') return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

bool is_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_key_part(key, 256, false);
  return is_key_part(key.substr(0, at), 241, true) && is_key_part(key.substr(at + 1), 14, false);
}

bool is_value(std::string_view value) {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The members that are kept, joined; empty where one of them is malformed or named twice.
std::string bounded_state(std::string_view text) {
  std::string kept;
  bool room = true;
  std::vector<std::string_view> keys;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view member = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return {};
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return {};
    keys.push_back(key);
    if (keys.size() > TraceContext::kMaxStateMembers) return {};
    const std::size_t longer = kept.size() + (kept.empty() ? 0 : 1) + member.size();
    room = room && longer <= TraceContext::kMaxStateBytes;
    if (room) kept.append(kept.empty() ? "" : ",").append(member);
  }
  return kept;
}

}  // namespace

TraceContext TraceContext::begin(std::uint64_t high, std::uint64_t low, std::uint64_t span) {
  TraceContext context;
  write_hex(std::span(context.trace_).first<16>(), high);
  write_hex(std::span(context.trace_).last<16>(), not_zero(low));
  write_hex(context.span_, not_zero(span));
  return context;
}

std::optional<TraceContext> TraceContext::join(std::string_view traceparent,
                                               std::string_view tracestate, std::uint64_t span) {
  if (traceparent.size() < kLength) return std::nullopt;
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view trace = traceparent.substr(kTraceAt, 32);
  const std::string_view parent = traceparent.substr(kParentAt, 16);
  const std::string_view flags = traceparent.substr(kFlagsAt, 2);
  if (traceparent[kTraceAt - 1] != '-' || traceparent[kParentAt - 1] != '-' ||
      traceparent[kFlagsAt - 1] != '-')
    return std::nullopt;
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags)) return std::nullopt;
  if (version == "ff" || is_zero(trace) || is_zero(parent)) return std::nullopt;
  // §3.2.4: a later version may have more behind a dash; ours ends here.
  if (traceparent.size() > kLength && (version == "00" || traceparent[kLength] != '-'))
    return std::nullopt;

  TraceContext context;
  std::copy(trace.begin(), trace.end(), context.trace_.begin());
  write_hex(context.span_, not_zero(span));
  context.joined_ = true;
  const char last = flags[1];
  context.sampled_ = ((last <= '9' ? last - '0' : last - 'a' + 10) & 1) != 0;
  context.state_ = bounded_state(tracestate);
  return context;
}

std::string_view TraceContext::trace_id() const {
  return exists() ? std::string_view(trace_.data(), trace_.size()) : std::string_view();
}

std::string_view TraceContext::span_id() const {
  return exists() ? std::string_view(span_.data(), span_.size()) : std::string_view();
}

std::string TraceContext::traceparent() const {
  if (!exists()) return {};
  std::string text = "00-";
  text.append(trace_id()).append("-").append(span_id()).append(sampled_ ? "-01" : "-00");
  return text;
}

}  // namespace openunison::http
