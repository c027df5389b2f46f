// SPDX-License-Identifier: Apache-2.0
//
// What Linux and macOS differ in of machine_posix.cc: machine_linux.cc, machine_macos.cc.
#pragma once

#include "cli/environment.h"

namespace openunison::cli {

System own_system();
// Of Windows' Linux.
bool is_kernel_of_wsl();

}  // namespace openunison::cli
