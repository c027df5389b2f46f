// SPDX-License-Identifier: Apache-2.0
//
// `switch NAME`: makes one of this plugin's contexts the current one: by its name, or by its
// cluster's, where only one has that. Asks nobody.
#include <algorithm>
#include <iostream>

#include "cli/entries.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"

namespace openunison::plugin {
namespace {

Result<std::string> found_by(const std::vector<cli::OwnContext>& own, const std::string& wanted) {
  if (std::ranges::find(own, wanted, &cli::OwnContext::name) != own.end()) return wanted;
  std::string names;
  const cli::OwnContext* by_cluster = nullptr;
  int matches = 0;
  for (const cli::OwnContext& each : own) {
    names += (names.empty() ? "" : ", ") + each.name;
    if (each.cluster != wanted) continue;
    by_cluster = &each;
    ++matches;
  }
  if (matches == 1) return by_cluster->name;
  if (own.empty())
    return fail(cli::Errc::bad_argument,
                "there are no contexts yet; begin with: kubectl oulogin --host=HOST");
  return fail(cli::Errc::bad_argument, "there is no context " + wanted + "; there are: " + names);
}

Result<std::string> switch_to(const Options& options) {
  const kube::Files files =
      TRY(kube::find_files(options.kubeconfig, kube::Environment::of_process()));
  const kube::Kubeconfig config = TRY(kube::read(files));
  const std::string name = TRY(found_by(cli::own_contexts(config), options.context));
  kube::Change change;
  change.current_context = name;
  TRY(kube::apply(files, change));
  return name;
}

}  // namespace

int switch_context(const Options& options) {
  const auto name = switch_to(options);
  if (!name) return report_plainly(name.error());
  std::cerr << "kubectl now uses the context " << cli::printable(*name) << "\n";
  return kDone;
}

}  // namespace openunison::plugin
