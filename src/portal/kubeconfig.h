// SPDX-License-Identifier: Apache-2.0
//
// What a person pastes or saves to get kubectl: a command for POSIX shells and fish, one for
// PowerShell, a kubeconfig file. Each holds one refresh token and nothing else that is secret; what
// is for the plugin (docs/guides/oulogin.md) holds nothing that is. Pure.
#pragma once

#include <string>

#include "base/secret.h"
#include "config/values.h"

namespace openunison::portal {

struct KubectlAccess {
  std::string cluster;  // entry names: CLUSTER, USER@CLUSTER
  std::string user;
  std::string server;         // the API server's URL
  std::string server_ca_pem;  // empty: a public authority
  std::string issuer;
  std::string client_id;
  std::string issuer_ca_pem;  // empty: a public authority
  Secret refresh_token;
};

// `sh -c '...'`, so that it reads the same in sh, bash, zsh, busybox and fish. Certificates go
// through files in a directory of mktemp under umask 077, which a trap removes.
std::string posix_command(const KubectlAccess& access);
std::string powershell_command(const KubectlAccess& access);
std::string kubeconfig_file(const KubectlAccess& access);
// With an exec credential of kubectl-oulogin, found on the PATH; `host`: the portal's,
// "HOST[:PORT]".
std::string plugin_kubeconfig(const KubectlAccess& access, std::string_view host);

// The user and group names as the API server will see them.
std::string name_in_cluster(std::string_view user, const config::Cluster& cluster,
                            std::string_view issuer);

}  // namespace openunison::portal
