// SPDX-License-Identifier: Apache-2.0
//
// Names to addresses, blocking: what resolve() calls on the runtime's resolver threads. One of two
// is built: the system's resolver, or c-ares, for static programs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace openunison::net {

// IP addresses as text, in the order in which to try them; ends by itself after some seconds.
// Error: unresolved, with the reason.
Result<std::vector<std::string>> resolve_blocking(const std::string& host);

}  // namespace openunison::net
