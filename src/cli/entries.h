// SPDX-License-Identifier: Apache-2.0
//
// What of a kubeconfig is this plugin's, and which entries a cluster of a portal becomes. Entries
// of other programs are never overwritten: where a name is taken, ours gets the portal's host
// besides. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/host.h"
#include "cli/portal_client.h"
#include "kube/kubeconfig.h"

namespace openunison::cli {

// A context whose user calls this plugin.
struct OwnContext {
  std::string name, user;
  std::string host, cluster;  // as in --host= and --cluster=
  std::string server;
  bool current = false;
  std::string token_file;  // of a program's; empty: a person's
};
std::vector<OwnContext> own_contexts(const kube::Kubeconfig& config);
// Those of a portal.
std::vector<OwnContext> own_contexts(const kube::Kubeconfig& config, const Host& host);

struct EntryOptions {
  std::string program;  // absolute path of this program
  std::string context;  // --context; empty: chosen here
  std::string browser;  // --browser to keep in the entry; empty or "auto": what it had
  // For programs: the file of their token, and of the portal's authority; absolute, or empty.
  std::string token_file = {}, certificate_authority = {};
};

// The names that a cluster's entries get.
struct EntryNames {
  std::string cluster, user, context;
};
EntryNames names_for(const kube::Kubeconfig& config, const Host& host, const ClusterAccess& access,
                     const std::string& user, const std::string& context,
                     const std::string& token_file = {});

// Adds the entries of a cluster, its user an exec credential of this plugin.
EntryNames add_entries(kube::Change& change, const kube::Kubeconfig& config, const Host& host,
                       const ClusterAccess& access, const std::string& user,
                       const EntryOptions& options);
// The users of people among `own` whose entries call a program at another path than `program`, or
// open a browser at other times than `browser` says (empty or "auto": as it is there), as they
// should be; the rest of their arguments stays.
std::vector<kube::ExecUser> stale_users(const kube::Kubeconfig& config,
                                        const std::vector<OwnContext>& own,
                                        const std::string& program, const std::string& browser);
// As add_entries(), with kubectl's built-in OpenID Connect client, which gets the tokens.
EntryNames add_auth_provider(kube::Change& change, const kube::Kubeconfig& config, const Host& host,
                             const ClusterAccess& access, const std::string& user,
                             const std::string& context, Tokens tokens);
// Takes everything of ours at that portal out again.
void remove_entries(kube::Change& change, const kube::Kubeconfig& config, const Host& host);

}  // namespace openunison::cli
