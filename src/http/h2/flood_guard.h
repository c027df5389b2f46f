// SPDX-License-Identifier: Apache-2.0
//
// What a client may ask for that costs us and gives it nothing: a budget for each kind of such
// frames, refilled with time (RFC 9113 §10.5). Over a budget the connection ends with
// ENHANCE_YOUR_CALM. Each kind has its own reason in openunison_http_refused_total. Private to
// http/.
#pragma once

#include <array>

#include "http/edge.h"

namespace openunison::http::h2 {

// How many times of what one client may a trusted proxy's connection may. As many as may share the
// server's own limits (limits.h).
inline constexpr std::size_t kPeopleBehindAProxy = 16;

class FloodGuard {
 public:
  enum class Kind {
    reset,  // streams that the client cancels, or makes us cancel (CVE-2023-44487, CVE-2025-8671)
    settings,  // each is to be acknowledged
    ping,      // each is to be answered
    empty,     // frames without content that end nothing
    control,   // priorities, window updates, what is not known
  };
  // `for_many`: a trusted proxy's connection, which carries requests of many people. Of what they
  // can make it send it may send kPeopleBehindAProxy times as much.
  explicit FloodGuard(net::Deadline now, bool for_many = false);

  // False: one too many.
  bool take(Kind kind, net::Deadline now);
  // Window updates are what DATA that we send asks for.
  void data_was_sent() { buckets_[static_cast<std::size_t>(Kind::control)].left += 2; }
  static Refusal refusal(Kind kind);

 private:
  struct Bucket {
    double left;
    net::Deadline filled;
  };
  double scale(Kind kind) const;

  const bool for_many_;
  std::array<Bucket, 5> buckets_;
};

}  // namespace openunison::http::h2
