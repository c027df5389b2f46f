// SPDX-License-Identifier: Apache-2.0
#include "cmd/kubectl-oulogin/workload.h"

#include <iostream>

#include "cli/terminal.h"

namespace openunison::plugin {
namespace {

std::string advice_for(const Error& error) {
  if (error.is(cli::Errc::token_refused)) {
    return error.message().find("expired") != std::string::npos
               ? "; whatever writes that file has to renew it"
               : "; if it should be let in, tell whoever runs the portal";
  }
  if (error.is(cli::Errc::untrusted))
    return "; give the portal's authority: --certificate-authority=FILE";
  return {};
}

}  // namespace

Result<cli::WorkloadCall> workload_call(const Options& options) {
  cli::WorkloadCall call{TRY(cli::Host::parse(options.host)), options.cluster, ""};
  call.token_file = TRY(cli::absolute_token_file(options.token_file));
  return call;
}

Result<WorkloadTools> WorkloadTools::create(const Options& options) {
  std::string authority_pem = TRY(read_authority(options.certificate_authority));
  WorkloadTools tools;
  tools.plugin = TRY(Plugin::create_anywhere(options));
  Plugin* const plugin = tools.plugin.get();
  tools.keeper = std::make_unique<cli::WorkloadKeeper>(
      plugin->runtime(), plugin->has_state() ? &plugin->state() : nullptr, plugin->boot_clock(),
      [plugin, pem = std::move(authority_pem)] { return plugin->connect(pem); }, plugin->trace());
  return tools;
}

int report_workload(const Error& error, const Options& options) {
  std::string what = error.message();
  if (error.is(cli::Errc::token_refused))
    what = options.host + " doesn't take the token in " + options.token_file + ": " + what;
  std::cerr << "kubectl-oulogin: " << cli::printable(what + advice_for(error)) << "\n";
  return error.is(cli::Errc::bad_argument) ? kUsedWrongly : kFailed;
}

}  // namespace openunison::plugin
