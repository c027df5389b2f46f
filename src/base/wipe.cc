// SPDX-License-Identifier: Apache-2.0
#include "base/wipe.h"

#include <cstring>

namespace openunison {

void wipe_bytes(void* bytes, std::size_t size) {
  std::memset(bytes, 0, size);
  // Somebody may read them, as far as the compiler knows.
  asm volatile("" : : "r"(bytes) : "memory");
}

}  // namespace openunison
