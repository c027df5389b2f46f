// SPDX-License-Identifier: Apache-2.0
#include "cli/entries.h"

#include <algorithm>

#include "kube/names.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kInstallHint =
    "kubectl-oulogin is missing. Its portal offers it on the page of the cluster, with how to "
    "install it.";

// Whose entries are looked for: of a portal, of people or of the program with this token's file.
struct Whose {
  const Host& host;
  const std::string& token_file;
};

bool calls(const kube::UserEntry& user, const Whose& whose, std::string_view cluster) {
  const auto call = user.exec ? kube::plugin_call(*user.exec) : std::nullopt;
  return call && call->host == whose.host.text() && call->cluster == cluster &&
         call->token_file == whose.token_file;
}

// Whether an entry of that name may be written: there is none, or it is for just this.
bool user_is_free(const kube::Kubeconfig& config, const std::string& name, const Whose& whose,
                  const ClusterAccess& access) {
  const kube::UserEntry* user = config.user(name);
  if (user == nullptr || calls(*user, whose, access.name)) return true;
  return whose.token_file.empty() && user->auth_provider &&
         user->auth_provider->issuer_url == access.issuer &&
         user->auth_provider->client_id == access.client_id;
}

// Whether a context that isn't surely this portal's goes to that cluster entry. What a portal says
// of its issuer proves nothing, so those of kubectl's built-in client are others'.
bool is_of_others(const kube::Kubeconfig& config, const std::string& cluster, const Whose& whose) {
  return std::ranges::any_of(config.contexts, [&](const auto& found) {
    if (found.entry.cluster != cluster) return false;
    const kube::UserEntry* user = config.user(found.entry.user);
    const auto call = user != nullptr && user->exec ? kube::plugin_call(*user->exec) : std::nullopt;
    return !call || call->host != whose.host.text();
  });
}

// Whether writing it changes nothing of whom it trusts.
bool trusts_the_same(const kube::ClusterEntry& cluster, const ClusterAccess& access) {
  return cluster.certificate_authority_pem == access.server_ca_pem &&
         cluster.certificate_authority_file.empty() && cluster.tls_server_name.empty() &&
         !cluster.insecure_skip_tls_verify;
}

// The same server isn't enough: the authority of a portal must not become that of the others, whose
// tokens would go to whoever it vouches for.
bool cluster_is_free(const kube::Kubeconfig& config, const std::string& name, const Whose& whose,
                     const ClusterAccess& access) {
  const kube::ClusterEntry* cluster = config.cluster(name);
  if (cluster == nullptr) return true;
  return cluster->server == access.server &&
         (trusts_the_same(*cluster, access) || !is_of_others(config, name, whose));
}

bool context_is_free(const kube::Kubeconfig& config, const std::string& name, const Whose& whose,
                     const ClusterAccess& access) {
  const kube::ContextEntry* context = config.context(name);
  if (context == nullptr) return true;
  const kube::ClusterEntry* cluster = config.cluster(context->cluster);
  return (cluster == nullptr || cluster->server == access.server) &&
         user_is_free(config, context->user, whose, access);
}

// `name`, or with the host, or with a number besides, whichever is free first.
template <class IsFree>
std::string free_name(const std::string& name, const std::string& with_host, IsFree is_free) {
  if (is_free(name)) return name;
  if (is_free(with_host)) return with_host;
  for (int i = 2;; ++i) {
    std::string numbered = with_host + "-" + std::to_string(i);
    if (is_free(numbered)) return numbered;
  }
}

kube::ClusterEntry cluster_entry(const std::string& name, const ClusterAccess& access) {
  kube::ClusterEntry entry;
  entry.name = name;
  entry.server = access.server;
  entry.certificate_authority_pem = access.server_ca_pem;
  return entry;
}

}  // namespace

std::vector<OwnContext> own_contexts(const kube::Kubeconfig& config) {
  std::vector<OwnContext> found;
  for (const auto& [context, origin] : config.contexts) {
    const kube::UserEntry* user = config.user(context.user);
    const auto call = user != nullptr && user->exec ? kube::plugin_call(*user->exec) : std::nullopt;
    if (!call) continue;
    const kube::ClusterEntry* cluster = config.cluster(context.cluster);
    found.push_back({context.name, context.user, call->host, call->cluster,
                     cluster != nullptr ? cluster->server : "",
                     context.name == config.current_context, call->token_file});
  }
  return found;
}

std::vector<OwnContext> own_contexts(const kube::Kubeconfig& config, const Host& host) {
  std::vector<OwnContext> found = own_contexts(config);
  std::erase_if(found, [&](const OwnContext& each) { return each.host != host.text(); });
  return found;
}

EntryNames names_for(const kube::Kubeconfig& config, const Host& host, const ClusterAccess& access,
                     const std::string& user, const std::string& context,
                     const std::string& token_file) {
  const Whose whose{host, token_file};
  const std::string cluster = kube::entry_name(access.name);
  const std::string at_host = "@" + kube::entry_name(host.text());
  const std::string person = kube::entry_name(user) + "@" + cluster;
  EntryNames names;
  names.cluster = free_name(cluster, cluster + at_host, [&](const std::string& name) {
    return cluster_is_free(config, name, whose, access);
  });
  names.user = free_name(person, person + at_host, [&](const std::string& name) {
    return user_is_free(config, name, whose, access);
  });
  names.context = !context.empty()
                      ? context
                      : free_name(cluster, cluster + at_host, [&](const std::string& name) {
                          return context_is_free(config, name, whose, access);
                        });
  return names;
}

EntryNames add_entries(kube::Change& change, const kube::Kubeconfig& config, const Host& host,
                       const ClusterAccess& access, const std::string& user,
                       const EntryOptions& options) {
  EntryNames names = names_for(config, host, access, user, options.context, options.token_file);
  kube::ExecUser exec;
  exec.name = names.user;
  exec.command = options.program;
  exec.args = {"get-token", "--host=" + host.text(), "--cluster=" + access.name};
  if (!options.token_file.empty()) {
    // Nothing is ever asked, so kubectl may have its standard input for itself.
    exec.interactive_mode = "Never";
    exec.args.push_back("--token-file=" + options.token_file);
    if (!options.certificate_authority.empty())
      exec.args.push_back("--certificate-authority=" + options.certificate_authority);
  } else if (!options.browser.empty() && options.browser != "auto") {
    exec.args.push_back("--browser=" + options.browser);
  } else if (const kube::UserEntry* former = config.user(names.user); former && former->exec) {
    for (const std::string& argument : former->exec->args) {
      if (argument.starts_with("--browser=")) exec.args.push_back(argument);
    }
  }
  exec.install_hint = kInstallHint;
  change.clusters.push_back(cluster_entry(names.cluster, access));
  change.exec_users.push_back(std::move(exec));
  change.contexts.push_back({names.context, names.cluster, names.user, ""});
  return names;
}

std::vector<kube::ExecUser> stale_users(const kube::Kubeconfig& config,
                                        const std::vector<OwnContext>& own,
                                        const std::string& program, const std::string& browser) {
  std::vector<kube::ExecUser> stale;
  for (const OwnContext& each : own) {
    const kube::UserEntry* user = config.user(each.user);
    if (user == nullptr || !user->exec || !each.token_file.empty()) continue;
    if (std::ranges::find(stale, each.user, &kube::ExecUser::name) != stale.end()) continue;
    kube::ExecUser wanted;
    wanted.name = each.user;
    // A bare name is looked for in PATH each time: somebody wrote it so.
    const bool is_path = user->exec->command.find_first_of("/\\") != std::string::npos;
    wanted.command = is_path ? program : user->exec->command;
    wanted.args = user->exec->args;
    if (!browser.empty() && browser != "auto") {
      std::erase_if(wanted.args,
                    [](const std::string& argument) { return argument.starts_with("--browser="); });
      wanted.args.push_back("--browser=" + browser);
    }
    if (wanted.command == user->exec->command && wanted.args == user->exec->args) continue;
    wanted.install_hint = kInstallHint;
    stale.push_back(std::move(wanted));
  }
  return stale;
}

EntryNames add_auth_provider(kube::Change& change, const kube::Kubeconfig& config, const Host& host,
                             const ClusterAccess& access, const std::string& user,
                             const std::string& context, Tokens tokens) {
  EntryNames names = names_for(config, host, access, user, context);
  kube::AuthProviderUser provider;
  provider.name = names.user;
  provider.issuer_url = access.issuer;
  provider.client_id = access.client_id;
  provider.refresh_token = std::move(tokens.refresh_token);
  provider.id_token = std::move(tokens.id_token);
  provider.issuer_ca_pem = access.issuer_ca_pem;
  change.clusters.push_back(cluster_entry(names.cluster, access));
  change.auth_provider_users.push_back(std::move(provider));
  change.contexts.push_back({names.context, names.cluster, names.user, ""});
  return names;
}

void remove_entries(kube::Change& change, const kube::Kubeconfig& config, const Host& host) {
  const std::vector<OwnContext> own = own_contexts(config, host);
  for (const OwnContext& each : own) {
    change.remove_contexts.push_back(each.name);
    if (std::ranges::find(change.remove_users, each.user) == change.remove_users.end())
      change.remove_users.push_back(each.user);
    const kube::ContextEntry* context = config.context(each.name);
    const std::string cluster = context != nullptr ? context->cluster : "";
    const bool shared = std::ranges::any_of(config.contexts, [&](const auto& other) {
      return other.entry.cluster == cluster &&
             std::ranges::find(own, other.entry.name, &OwnContext::name) == own.end();
    });
    if (!shared &&
        std::ranges::find(change.remove_clusters, cluster) == change.remove_clusters.end())
      change.remove_clusters.push_back(cluster);
  }
  change.clear_current_if_removed = true;
}

}  // namespace openunison::cli
