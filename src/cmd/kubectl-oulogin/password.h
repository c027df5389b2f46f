// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace openunison::plugin {

// The first line of a file (standard input), for --password-stdin: without its end, at most 1,024
// bytes. Reads no further than that line needs. Error: bad_argument.
Result<Secret> read_password_line(int descriptor);

}  // namespace openunison::plugin
