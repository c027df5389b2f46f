// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace openunison::text {

// RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF.
bool valid_utf8(std::string_view text);
// C0, DEL, and C1 (as UTF-8).
bool has_control(std::string_view text);
// At most `bytes` of UTF-8, cut between characters.
std::string shortened(std::string_view text, std::size_t bytes);
std::string ascii_lower(std::string_view text);
bool iequals_ascii(std::string_view a, std::string_view b);
// The best candidate within edit distance 3 (and half of the length), or "": "did you mean ...?".
std::string_view nearest(std::string_view word, const std::string_view* candidates,
                         std::size_t count);

}  // namespace openunison::text
