// SPDX-License-Identifier: Apache-2.0
//
// CLOCK_BOOTTIME: the monotonic clock that goes on while the machine sleeps.
#include <time.h>

#include "cli/boot_clock.h"
#include "cli/machine.h"

namespace openunison::cli {

BootTime SystemBootClock::now() const {
  timespec since{};
  ::clock_gettime(CLOCK_BOOTTIME, &since);
  return {boot_id(), Seconds(since.tv_sec) + std::chrono::duration_cast<Millis>(
                                                 std::chrono::nanoseconds(since.tv_nsec))};
}

}  // namespace openunison::cli
