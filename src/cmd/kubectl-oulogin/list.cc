// SPDX-License-Identifier: Apache-2.0
//
// `list`: the contexts that this plugin has written, the current one marked. Asks nobody.
#include <algorithm>
#include <iostream>

#include "cli/entries.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

Result<std::vector<cli::OwnContext>> contexts_of(const Options& options) {
  const kube::Files files =
      TRY(kube::find_files(options.kubeconfig, kube::Environment::of_process()));
  const kube::Kubeconfig config = TRY(kube::read(files));
  if (options.host.empty()) return cli::own_contexts(config);
  return cli::own_contexts(config, TRY(cli::Host::parse(options.host)));
}

}  // namespace

int list(const Options& options) {
  const auto found = contexts_of(options);
  if (!found) return report_plainly(found.error());
  if (options.output == "json") {
    text::Json::Array all;
    for (const cli::OwnContext& each : *found) {
      text::Json json;
      json.set("context", each.name);
      json.set("current", each.current);
      json.set("host", each.host);
      json.set("cluster", each.cluster);
      json.set("server", each.server);
      all.push_back(std::move(json));
    }
    text::Json json;
    json.set("contexts", text::Json(std::move(all)));
    return print(json);
  }
  if (found->empty())
    std::cerr << "no contexts of kubectl oulogin; begin with: kubectl oulogin --host=HOST\n";
  std::size_t widest = 0;
  for (const cli::OwnContext& each : *found) widest = std::max(widest, each.name.size());
  for (const cli::OwnContext& each : *found)
    std::cout << (each.current ? "* " : "  ") << cli::printable(each.name)
              << std::string(widest - each.name.size() + 2, ' ') << cli::printable(each.server)
              << "  by " << cli::printable(each.host) << "\n";
  std::cout << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

}  // namespace openunison::plugin
