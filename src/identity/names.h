// SPDX-License-Identifier: Apache-2.0
//
// Which strings may be the name of a user or a group, and which look like Kubernetes' own names.
// Pure functions. The API server compares bytes; we refuse more than it would honour, so that no
// person reading a role binding or an audit line can be misled either.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openunison::identity {

inline constexpr std::size_t kMaxNameCharacters = 256;
// OpenID Connect Core §2: `sub` has at most 255 characters.
inline constexpr std::size_t kMaxSubjectBytes = 255;

// Why `name` can't be used ("it is empty", "it has control characters", ...), or "" if it can.
std::string_view name_problem(std::string_view name);

// "system:..." in any letter case, in full-width letters, or behind white space or invisible
// characters.
bool looks_like_system(std::string_view name);

// `pattern` with '*' for any run of characters, against the whole of `name`. Linear in practice,
// never exponential.
bool glob_match(std::string_view pattern, std::string_view name);

// For showing what somebody else sent: control and invisible characters become '?', invalid UTF-8
// too, and what is longer than `max_bytes` ends in "...".
std::string printable(std::string_view text, std::size_t max_bytes);

// "a, b, c and 4 more".
std::string list_of(const std::vector<std::string>& names, std::size_t at_most = 10);

}  // namespace openunison::identity
