// SPDX-License-Identifier: Apache-2.0
//
// What a cluster must be told so that it trusts our tokens: `openunison api-server-config` and, in
// the cluster, the api-server-config ConfigMap.
#pragma once

#include <string>

#include "config/values.h"

namespace openunison::config {

enum class ApiServerFormat {
  all,
  flags,
  authentication_configuration,
  eks_cli,
  eksctl,
  terraform,
  json
};
Result<ApiServerFormat> parse_api_server_format(std::string_view name);

// EKS takes tokens that are signed with RS256, and no others.
bool is_for_eks(ApiServerFormat format);

struct ApiServerConfigOptions {
  std::string ca_file;  // path for --oidc-ca-file; empty: the line is left out
  std::string
      ca_pem;  // for AuthenticationConfiguration's certificateAuthority; empty: system roots
};

// Ends in a newline. `flags`: one --oidc-... per line, nothing else, so that `$(...)` can use it.
std::string api_server_config(const Values& values, const Cluster& cluster, ApiServerFormat format,
                              const ApiServerConfigOptions& options);

}  // namespace openunison::config
