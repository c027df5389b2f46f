// SPDX-License-Identifier: Apache-2.0
//
// The subcommands of `openunison`. Each gives the process's exit code: 0 done, 1 failed, 2 used
// wrongly.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/values.h"

namespace openunison::cmd {

struct CommonOptions {
  std::string values_file = "values.yaml";
  std::string secrets_directory;
  std::string state_directory;
  std::string output = "text";  // or "json"
};

int serve(const CommonOptions& options);
// Asks the identity providers as well, unless `offline`.
int check(const CommonOptions& options, bool offline);
int print_schema();
int api_server_config(const CommonOptions& options, const std::string& format,
                      const std::string& cluster, const std::string& ca_file);

struct UserOptions {
  std::string name, display_name, email;
  std::vector<std::string> groups;
  bool password_from_stdin = false;
};
int users_list(const CommonOptions& options);
int users_add(const CommonOptions& options, const UserOptions& user);
int users_passwd(const CommonOptions& options, const UserOptions& user);
int users_remove(const CommonOptions& options, const UserOptions& user);

// These talk to a running server's admin socket in the state directory.
int keys_command(const CommonOptions& options, const std::string& action,
                 const std::string& argument, bool now);
int keys_import(const CommonOptions& options, const std::string& file, const std::string& kid,
                bool passphrase_from_stdin);
// What makes API servers forget a retired key, for this cluster ("": the first).
int keys_eviction_token(const CommonOptions& options, const std::string& cluster);
int sessions_list(const CommonOptions& options, const std::string& user);
struct EndOptions {
  std::string user, session;  // a name; an id as `sessions list` prints it
  bool all = false;
};
int sessions_end(const CommonOptions& options, const EndOptions& which);

// --- shared ---

// The error as a problem of that one of `files` which its message begins with ("FILE: why",
// "FILE:3:5: why"), or of the first.
config::Problem problem_of(const Error& error, const std::vector<std::string>& files);
// Prints every problem to standard error; the values if there is no error among them.
std::optional<config::Values> load_values(const CommonOptions& options);
// Whether there is such a folder and who runs this may use it; `mode` as of access(2): R_OK | X_OK.
// Error: config::Errc::bad_argument, with what to do.
Result<void> check_directory(const std::string& path, int mode);
// Error: config::Errc::bad_argument.
Result<std::string> read_file(const std::string& path);
inline std::string admin_socket(const std::string& state_directory) {
  return state_directory + "/admin.sock";
}
// "openunison: <message>" on standard error; gives 1.
int report(const Error& error);
// For commands with --output: programs also get {"error": "<message>"} where they read.
int report(const CommonOptions& options, const Error& error);

}  // namespace openunison::cmd
