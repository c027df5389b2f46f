// SPDX-License-Identifier: Apache-2.0
//
// The memory of this program holds keys, passwords and tokens: it is written to no core file, and
// other programs of the same user can't read it (ptrace, /proc/PID/mem; prctl(2),
// PR_SET_DUMPABLE). Root still can.
#pragma once

namespace openunison::cmd {

// Call first in main. False where the system refuses; that is said, and is no reason to stop.
bool forbid_dumps();

}  // namespace openunison::cmd
