// SPDX-License-Identifier: Apache-2.0
//
// `get-token --token-file=FILE`: for a program that nobody signs in for. Reads the file, prints
// what was kept for that very token, else exchanges it. No browser, no question, one line where it
// fails.
#include <iostream>

#include "cli/keeper.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/workload.h"

namespace openunison::plugin {
namespace {

int print(const cli::Credential& credential) {
  std::cout << cli::exec_credential(credential, cli::SystemBootClock().now(), SystemClock().now())
            << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

// Before there is a thread, a connection or a lock.
Result<std::optional<cli::Credential>> kept(const cli::WorkloadCall& call) {
  const cli::SubjectToken token = TRY(cli::read_subject_token(call.token_file));
  const auto folder = cli::State::folder_by(variables_of_process());
  if (!folder) return std::nullopt;
  const cli::State state(*folder);
  return cli::kept_credential(cli::WorkloadState(state, call.host, call.cluster, call.token_file),
                              token, cli::SystemBootClock().now());
}

}  // namespace

int get_token_workload(const Options& options) {
  const auto call = workload_call(options);
  if (!call) return report_workload(call.error(), options);
  if (call->cluster.empty())
    return report_workload(Error(cli::Errc::bad_argument, "get-token needs --cluster"), options);
  const auto there = kept(*call);
  if (!there) return report_workload(there.error(), options);
  if (*there) return print(**there);
  const auto tools = WorkloadTools::create(options);
  if (!tools) return report_workload(tools.error(), options);
  const auto credential = tools->keeper->credential(*call);
  if (!credential) return report_workload(credential.error(), options);
  return print(*credential);
}

}  // namespace openunison::plugin
