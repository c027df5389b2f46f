// SPDX-License-Identifier: Apache-2.0
//
// ClockWatch: notices that the machine's clock was set, by the clock that nobody can set. It says
// so in the log and counts it. After a step forward what seems to be over isn't deleted for a
// while: a clock that is put right again finds the sessions still there. Steps add up until ten
// minutes went by without one, six hours at most: of a day forward and a few seconds back a day is
// still in doubt.
// Used on one thread.
#pragma once

#include "base/clock.h"

namespace openunison {

class ClockWatch {
 public:
  explicit ClockWatch(const Clock& clock);

  // Compares the clocks; call about once a second.
  void look();
  // Whether what seems to be over may be deleted.
  bool trusted() const;

 private:
  Millis distance() const;  // from the monotonic clock to the wall clock

  const Clock& clock_;
  Millis distance_;
  Millis unconfirmed_{0};    // sum of the steps that nothing has confirmed yet
  MonoTime confirmed_at_{};  // when they are, if none follows
  MonoTime hold_ends_at_{};  // when they are, whatever follows
};

}  // namespace openunison
