// SPDX-License-Identifier: Apache-2.0
//
// ClockWatch: notices that the machine's clock was set, by the clock that nobody can set. It says
// so in the log and counts it. After a step forward what seems to be over isn't deleted for a
// while: a clock that is put right again finds the sessions still there. Used on one thread.
#pragma once

#include "base/clock.h"

namespace openunison::cmd {

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
  MonoTime trusted_from_{};
};

}  // namespace openunison::cmd
