// SPDX-License-Identifier: Apache-2.0
//
// What a sign-in has made of the kubeconfig, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "cmd/kubectl-oulogin/plugin.h"
#include "text/json.h"

namespace openunison::plugin {

struct Told {
  std::string user, context, cluster, server;
  std::vector<std::string> others;  // contexts that were written besides
  std::vector<std::string> files;   // that were changed
};

text::Json json_of(const cli::Host& host, const Told& told);
void tell_context(cli::Terminal& terminal, const Told& told);

}  // namespace openunison::plugin
