// SPDX-License-Identifier: Apache-2.0
//
// TraceContext: which distributed trace a request belongs to (W3C Trace Context, Recommendation of
// 23 November 2021, §3.2 traceparent, §3.3 tracestate). The caller's where it sent a well-formed
// one, else a trace that begins here. It is a label for logs and for calls to others and nothing
// else: anybody may send any id, so no decision and no limit looks at it, and a line is found for
// certain by its request id, which is ours. We record no spans: the sampling flag is passed on as
// it came. A value; pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace openunison::http {

class TraceContext {
 public:
  // Of work that no request has asked for.
  TraceContext() = default;
  // A trace that begins here. `span` is ours; zeros, which the standard forbids, are replaced.
  static TraceContext begin(std::uint64_t high, std::uint64_t low, std::uint64_t span);
  // The caller's. nullopt: `traceparent` is malformed. A malformed `tracestate` (field lines joined
  // with commas; may be empty) is dropped alone; of a long one, whole members at its end are.
  static std::optional<TraceContext> join(std::string_view traceparent, std::string_view tracestate,
                                          std::uint64_t span);

  bool exists() const { return trace_[0] != '\0'; }
  // The caller has sent it.
  bool joined() const { return joined_; }
  // 32 and 16 lower-case hexadecimal digits; empty where there is no trace.
  std::string_view trace_id() const;
  std::string_view span_id() const;
  // To send on: ours is the parent of what is called. tracestate may be empty.
  std::string traceparent() const;
  const std::string& tracestate() const { return state_; }

  static constexpr std::size_t kMaxStateBytes = 512;  // §3.3.1.5 asks for no less
  static constexpr std::size_t kMaxStateMembers = 32;

 private:
  std::array<char, 32> trace_{};
  std::array<char, 16> span_{};
  bool joined_ = false, sampled_ = false;
  std::string state_;
};

}  // namespace openunison::http
