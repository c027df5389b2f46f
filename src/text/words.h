// SPDX-License-Identifier: Apache-2.0
//
// Lists of words with a space between, as OAuth's scope and prompt are (RFC 6749 §3.3).
#pragma once

#include <string_view>

namespace openunison::text {

bool has_word(std::string_view list, std::string_view word);

}  // namespace openunison::text
