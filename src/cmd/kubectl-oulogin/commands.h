// SPDX-License-Identifier: Apache-2.0
//
// The commands of the plugin, a file each. They print what they are for on standard output, all
// else on standard error, and give the exit code: 0 done, 1 failed, 2 used wrongly.
#pragma once

#include <string>
#include <vector>

namespace openunison::plugin {

struct Options;

int login(const Options& options);
int get_token(const Options& options);
// The same with --token-file.
int login_workload(const Options& options);
int get_token_workload(const Options& options);
int status_workload(const Options& options);
int status(const Options& options);
int list(const Options& options);
int switch_context(const Options& options);
int logout(const Options& options);
int completion(const std::string& shell);
// The words that may follow; the last of `words` is the one that is being typed.
int complete(const std::vector<std::string>& words);

}  // namespace openunison::plugin
