// SPDX-License-Identifier: Apache-2.0
#include "cli/no_dumps.h"

namespace openunison::cli {

bool forbid_dumps() {
  return true;
}

}  // namespace openunison::cli
