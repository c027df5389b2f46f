// SPDX-License-Identifier: Apache-2.0
//
// What can be said of the files in the --secrets directory before a server starts: that they are
// there, can be read, fit each other and the values, and are nobody else's to read.
#pragma once

#include <string>
#include <vector>

#include "config/values.h"

namespace openunison::cmd {

std::vector<config::Problem> check_secret_files(const config::Values& values,
                                                const std::string& directory);

}  // namespace openunison::cmd
