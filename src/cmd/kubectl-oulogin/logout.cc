// SPDX-License-Identifier: Apache-2.0
//
// `logout`: ends at the portal what the plugin has there, with --all the whole sign-in, the
// browser's too; forgets the tokens; with --purge takes the entries out of the kubeconfig and
// forgets the portal.
#include <filesystem>
#include <iostream>

#include "cli/entries.h"
#include "cli/workload_state.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"

namespace openunison::plugin {
namespace {

Result<void> purge(Plugin& plugin, const cli::Host& host, const Options& options) {
  const kube::Files files =
      TRY(kube::find_files(options.kubeconfig, kube::Environment::of_process()));
  const kube::Kubeconfig config = TRY(kube::read(files));
  kube::Change change;
  cli::remove_entries(change, config, host);
  TRY(kube::apply(files, change));
  return plugin.state().forget(host);
}

}  // namespace

int logout(const Options& options) {
  auto plugin = Plugin::create(options);
  if (!plugin) return report_plainly(plugin.error());
  auto hosts = chosen_hosts(**plugin, options);
  if (!hosts) return (*plugin)->report(hosts.error(), options.host);
  int code = kDone;
  for (const cli::Host& host : *hosts) {
    // Without its key nothing can be revoked, and then it is forgotten all the same.
    const auto kept = (*plugin)->state().sign_in(host);
    if (kept && *kept && !(*kept)->refresh_token.sealed.empty()) (*plugin)->unlock_keyring(host);
    const auto ended = (*plugin)->keeper().sign_out(host, options.all);
    if (ended) {
      (*plugin)->terminal().line(options.all
                                     ? "Signed out at " + host.text() + ", in the browser as well"
                                     : "Signed out at " + host.text());
    } else if (ended.error().is(cli::Errc::sign_in_needed)) {
      (*plugin)->terminal().line("Not signed in at " + host.text());
    } else {
      code = (*plugin)->report(ended.error(), host.text());
      (*plugin)->terminal().line(
          "What was kept here is forgotten; end the rest on the sessions "
          "page of " +
          host.origin());
    }
    if (const auto forgotten = cli::WorkloadState::forget_all((*plugin)->state(), host); !forgotten)
      code = (*plugin)->report(forgotten.error(), host.text());
    if (!options.purge) continue;
    if (const auto purged = purge(**plugin, host, options); !purged)
      code = (*plugin)->report(purged.error(), host.text());
  }
  if (hosts->empty()) (*plugin)->terminal().line("Not signed in anywhere");
  return code;
}

}  // namespace openunison::plugin
