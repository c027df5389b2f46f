// SPDX-License-Identifier: Apache-2.0
//
// What can be said of the files in the --secrets directory before a server starts: that they are
// there, can be read, fit each other and the values, and are nobody else's to read.
#pragma once

#include <string>
#include <vector>

#include "cmd/openunison/secrets.h"
#include "config/values.h"

namespace openunison::cmd {

std::vector<config::Problem> check_secret_files(const config::Values& values,
                                                const std::string& directory);

// Of users.yaml alone, where values have built-in users: that it can be read, and that somebody in
// it may sign in. A file that isn't there is said by SecretsDirectory::check.
std::vector<config::Problem> check_users_file(const config::Values& values,
                                              const SecretsDirectory& secrets);

}  // namespace openunison::cmd
