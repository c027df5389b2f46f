// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "cli/environment.h"

namespace openunison::cli {

// The absolute path of this program as kubeconfigs should have it, for programs that a desktop
// starts don't see the shell's PATH: of a link on the PATH or of krew's that leads here, which
// stays when a new version takes its place, else of the file itself. Error: state.
Result<std::string> own_program(const Environment& environment);

}  // namespace openunison::cli
