// SPDX-License-Identifier: Apache-2.0
#include "base/clock_watch.h"

#include <algorithm>

#include "base/log.h"
#include "base/metrics.h"

namespace openunison {
namespace {

// NTP slews what is less than an eighth of a second; between two looks a slewed clock gains less
// than a millisecond.
constexpr Millis kNotable{2'000};
// Sessions idle for minutes: a forward step by less ends none that would have lived for long.
constexpr Millis kDoubtful{60'000};
constexpr Millis kHoldDeletions{600'000};
// A clock that is set again and again must not keep what is over for ever.
constexpr Millis kHoldAtMost{6 * 3'600'000};

metrics::Counter& steps(const char* direction) {
  return metrics::counter("openunison_clock_steps_total",
                          "Times that this machine's clock was set while the server ran.",
                          {{"direction", direction}});
}

}  // namespace

ClockWatch::ClockWatch(const Clock& clock) : clock_(clock), distance_(distance()) {
  steps("forward");
  steps("backward");
}

Millis ClockWatch::distance() const {
  return std::chrono::duration_cast<Millis>(clock_.now().time_since_epoch() -
                                            clock_.mono().time_since_epoch());
}

void ClockWatch::look() {
  const MonoTime at = clock_.mono();
  if (at >= confirmed_at_) unconfirmed_ = Millis(0);
  const Millis now = distance(), step = now - distance_;
  if (std::chrono::abs(step) < kNotable) return;
  distance_ = now;
  steps(step > Millis(0) ? "forward" : "backward").add();
  log::warn("the clock of this machine was set",
            {{"by_seconds", std::chrono::duration_cast<Seconds>(step).count()}});
  if (unconfirmed_ == Millis(0)) hold_ends_at_ = at + kHoldAtMost;
  unconfirmed_ += step;
  confirmed_at_ = std::min(at + kHoldDeletions, hold_ends_at_);
}

bool ClockWatch::trusted() const {
  return unconfirmed_ < kDoubtful || clock_.mono() >= confirmed_at_;
}

}  // namespace openunison
