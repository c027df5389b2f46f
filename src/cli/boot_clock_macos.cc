// SPDX-License-Identifier: Apache-2.0
//
// CLOCK_MONOTONIC goes on there while the machine sleeps.
#include <time.h>

#include "cli/boot_clock.h"
#include "cli/machine.h"

namespace openunison::cli {

BootTime SystemBootClock::now() const {
  timespec since{};
  ::clock_gettime(CLOCK_MONOTONIC, &since);
  return {boot_id(), Seconds(since.tv_sec) + std::chrono::duration_cast<Millis>(
                                                 std::chrono::nanoseconds(since.tv_nsec))};
}

}  // namespace openunison::cli
