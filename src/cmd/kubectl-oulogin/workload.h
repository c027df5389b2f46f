// SPDX-License-Identifier: Apache-2.0
//
// What the commands share that are called with --token-file.
#pragma once

#include "cli/workload_keeper.h"
#include "cmd/kubectl-oulogin/plugin.h"

namespace openunison::plugin {

// --host and --token-file, made absolute. `cluster` may be empty. Errors: bad_argument.
Result<cli::WorkloadCall> workload_call(const Options& options);

// Without a sign-in, and wherever there may be no place for state.
struct WorkloadTools {
  std::unique_ptr<Plugin> plugin;
  std::unique_ptr<cli::WorkloadKeeper> keeper;

  // Errors: bad_argument (--certificate-authority), untrusted.
  static Result<WorkloadTools> create(const Options& options);
};

// One line on standard error: what went wrong, where, and what to do; gives the exit code.
int report_workload(const Error& error, const Options& options);

}  // namespace openunison::plugin
