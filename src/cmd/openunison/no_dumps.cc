// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/no_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace openunison::cmd {

bool forbid_dumps() {
  // Both: a handler that core_pattern pipes to is called whatever the limit, but never for a
  // program that isn't dumpable, and the limit also holds for what a debugger makes dumpable again.
  const rlimit none{0, 0};
  const bool limited = ::setrlimit(RLIMIT_CORE, &none) == 0;
  const bool hidden = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
  return limited && hidden;
}

}  // namespace openunison::cmd
