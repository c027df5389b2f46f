// SPDX-License-Identifier: Apache-2.0
//
// What a process costs, read from /proc: its CPU time (utime + stime of all its threads, which the
// kernel scales to what the scheduler measured) and its memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace openunison::bench {

// Seconds of CPU that the processes have used, with their children that have ended left out. A
// process that is gone counts nothing.
double cpu_seconds(const std::vector<pid_t>& pids);
// VmRSS of all of them together, in KiB.
std::uint64_t resident_kib(const std::vector<pid_t>& pids);

}  // namespace openunison::bench
