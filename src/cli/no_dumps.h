// SPDX-License-Identifier: Apache-2.0
//
// The memory of this program holds tokens and perhaps a password: it is written to no core file.
#pragma once

namespace openunison::cli {

// Call first in main. False where the system refuses, which is no reason to stop. On Windows
// nothing is done: dumps are made there only where an administrator has asked for them.
bool forbid_dumps();

}  // namespace openunison::cli
