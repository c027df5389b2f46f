// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace openunison::portal {

// "Firefox on Linux" from a User-Agent; programs by their own name. Printable ASCII.
std::string program_name(std::string_view user_agent);

}  // namespace openunison::portal
