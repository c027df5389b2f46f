// SPDX-License-Identifier: Apache-2.0
//
// Private to cli/: a file of the state folder, an object of JSON with its `version`.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "text/json.h"

namespace openunison::cli {

// nullopt: there is none. Error: state.
Result<std::optional<text::Json>> read_state_file(const std::string& file);
// Whole or not at all, 0600. Error: state.
Result<void> write_state_file(const std::string& file, const text::Json& json);

}  // namespace openunison::cli
