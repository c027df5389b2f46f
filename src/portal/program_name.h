// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace openunison::portal {

// "Firefox on Linux" from a User-Agent; programs by their own name, and Go's library as kubectl,
// which is nearly always who refreshes tokens with it. Printable ASCII.
std::string program_name(std::string_view user_agent);
// As a program calls itself, without any guess.
std::string agent_name(std::string_view user_agent);

}  // namespace openunison::portal
