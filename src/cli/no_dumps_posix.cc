// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include "cli/no_dumps.h"

namespace openunison::cli {

bool forbid_dumps() {
  // The soft limit alone: what is started from here, a browser, may want its own back.
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return false;
  limit.rlim_cur = 0;
  return ::setrlimit(RLIMIT_CORE, &limit) == 0;
}

}  // namespace openunison::cli
