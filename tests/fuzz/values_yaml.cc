// SPDX-License-Identifier: Apache-2.0
//
// Values files: either values or errors, each where it stands.
#include <algorithm>

#include "config/api_server_config.h"
#include "config/values.h"
#include "fuzz.h"

using namespace openunison::config;

FUZZ(text) {
  const Parsed parsed = parse_values(text, "values.yaml");
  const bool wrong = std::ranges::any_of(
      parsed.problems, [](const Problem& problem) { return problem.severity == Severity::error; });
  MUST(parsed.values.has_value() != wrong);
  for (const Problem& problem : parsed.problems) {
    MUST(problem.file == "values.yaml" && problem.position.line > 0 && problem.position.column > 0);
    MUST(!problem.message.empty());
    const std::string shown = problem.text();
    MUST(std::ranges::none_of(shown, [](char c) { return c >= 0 && c < ' '; }));
  }
  if (!parsed.values) return;
  MUST(!parsed.values->clusters.empty() && !parsed.values->identity_providers.empty());
  for (const Cluster& cluster : parsed.values->clusters)
    MUST(!api_server_config(*parsed.values, cluster, ApiServerFormat::all, {}).empty());
}
