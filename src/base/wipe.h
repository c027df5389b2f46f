// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace openunison {

// Writes zeros there, which no compiler takes for a store that nobody reads.
void wipe_bytes(void* bytes, std::size_t size);

}  // namespace openunison
