// SPDX-License-Identifier: Apache-2.0
//
// CLOCK_BOOTTIME, and the kernel's name of this boot.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/boot_clock.h"

namespace openunison::cli {

BootTime SystemBootClock::now() const {
  BootTime time;
  const FileDescriptor file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char id[36];
  if (file && ::read(file.get(), id, sizeof id) == sizeof id) time.boot.assign(id, sizeof id);
  timespec since{};
  ::clock_gettime(CLOCK_BOOTTIME, &since);
  time.since = Seconds(since.tv_sec) + std::chrono::duration_cast<Millis>(
                                           std::chrono::nanoseconds(since.tv_nsec));
  return time;
}

}  // namespace openunison::cli
