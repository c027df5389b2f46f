// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include "cli/boot_clock.h"
#include "cli/machine.h"

namespace openunison::cli {

// Milliseconds, those of sleep included.
BootTime SystemBootClock::now() const {
  return {boot_id(), Millis(static_cast<Millis::rep>(::GetTickCount64()))};
}

}  // namespace openunison::cli
