// SPDX-License-Identifier: Apache-2.0
//
// Private to text/: what yaml-cpp 0.7 reads wrongly, put right.
#pragma once

#include <optional>
#include <string>

#include "text/yaml.h"

namespace YAML {
class Parser;
}

namespace openunison::text {

// The end of the file is taken for a missing quotation mark, as of a file that was cut off. Where
// that is, if the text has it; only for text that parses, whose last scalar begins there (its tag
// or anchor, if it has one).
std::optional<Position> unclosed_quote(const std::string& text, std::size_t last_scalar);

// Where the documents behind the first have something; nullopt where there are none, or empty ones.
// What can't be read, and would be offered for ever, counts. Throws what the parser does.
std::optional<Position> content_behind(YAML::Parser& parser);

// The escapes \N and \_ become a byte that is no UTF-8: the scalar with the characters.
std::string with_escapes_mended(std::string scalar);

}  // namespace openunison::text
