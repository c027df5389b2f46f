// SPDX-License-Identifier: Apache-2.0
#include <io.h>

#include <algorithm>

#include "base/write_all.h"

namespace openunison {

void write_all(int descriptor, std::string_view bytes) {
  constexpr std::size_t kAtOnce = 16 * 1024;  // consoles take no more
  while (!bytes.empty()) {
    const int written =
        ::_write(descriptor, bytes.data(), static_cast<unsigned>(std::min(bytes.size(), kAtOnce)));
    if (written <= 0) return;  // there is nobody left to tell
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace openunison
