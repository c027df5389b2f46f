// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace openunison {

// All of it, for as long as somebody reads; also where the descriptor was made non-blocking. One
// file per system: write_all_posix.cc, write_all_windows.cc.
void write_all(int descriptor, std::string_view bytes);

}  // namespace openunison
