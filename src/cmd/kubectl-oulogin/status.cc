// SPDX-License-Identifier: Apache-2.0
//
// `status`: who is signed in where, until when, how old the tokens are, and where all that is kept.
// What the portal says is asked for once; without an answer what is kept is shown.
#include <iostream>

#include "cli/members.h"
#include "cli/words.h"
#include "cli/workload_state.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

text::Json credential_json(Plugin& plugin, const cli::Host& host, const std::string& cluster) {
  text::Json json;
  json.set("cluster", cluster);
  const auto kept = plugin.state().credential(host, cluster);
  if (!kept) {
    json.set("problem", kept.error().message());
    return json;
  }
  const cli::BootTime now = plugin.boot_clock().now();
  if (const auto age = now.since_when((*kept)->received))
    json.set("token_age_seconds", std::chrono::floor<Seconds>(*age).count());
  if (const auto left = (*kept)->left(now))
    json.set("token_left_seconds", std::chrono::floor<Seconds>(*left).count());
  json.set("file", plugin.state().credential_file(host, cluster));
  return json;
}

// What programs have there that nobody signs in for.
text::Json workloads_json(Plugin& plugin, const cli::Host& host) {
  const cli::BootTime now = plugin.boot_clock().now();
  text::Json::Array all;
  for (const cli::KeptWorkload& each : cli::WorkloadState::all(plugin.state(), host)) {
    text::Json json;
    json.set("cluster", each.cluster);
    json.set("token_file", each.token_file);
    if (const auto age = now.since_when(each.credential.received))
      json.set("token_age_seconds", std::chrono::floor<Seconds>(*age).count());
    if (const auto left = each.credential.left(now))
      json.set("token_left_seconds", std::chrono::floor<Seconds>(*left).count());
    all.push_back(std::move(json));
  }
  return text::Json(std::move(all));
}

// Everything about a portal, as the JSON output has it.
text::Json portal_json(Plugin& plugin, const cli::Host& host) {
  text::Json json;
  json.set("host", host.text());
  json.set("folder", plugin.state().folder_of(host));
  json.set("workloads", workloads_json(plugin, host));
  const auto kept = plugin.state().sign_in(host);
  if (!kept) {
    json.set("signed_in", false);
    json.set("problem", kept.error().message());
    return json;
  }
  if (!*kept || (*kept)->refresh_token.empty()) {
    json.set("signed_in", false);
    return json;
  }
  json.set("user", (*kept)->user);
  json.set("storage", (*kept)->refresh_token.sealed.empty() ? "file" : "keyring");
  const auto account = plugin.with_keyring(host, [&] { return plugin.keeper().account(host); });
  json.set("signed_in", account || !account.error().is(cli::Errc::sign_in_needed));
  if (account) {
    json.set("provider", account->provider);
    json.set("ends_in_seconds", account->ends_at - account->now);
    json.set("idle_in_seconds", account->session_ends_at - account->now);
    text::Json::Array clusters;
    for (const cli::ClusterAccess& each : account->clusters) {
      text::Json cluster;
      cluster.set("name", each.name);
      cluster.set("label", each.label);
      cluster.set("server", each.server);
      cluster.set("user", each.user_in_cluster);
      clusters.push_back(std::move(cluster));
    }
    json.set("clusters", text::Json(std::move(clusters)));
  } else {
    json.set("problem", account.error().message());
  }
  text::Json::Array credentials;
  for (const std::string& cluster : plugin.state().clusters(host))
    credentials.push_back(credential_json(plugin, host, cluster));
  json.set("credentials", text::Json(std::move(credentials)));
  return json;
}

void print_token(const text::Json& token) {
  std::cout << "  token for " << cli::printable(cli::text_of(token, "cluster"));
  if (const std::string file = cli::text_of(token, "token_file"); !file.empty())
    std::cout << " by " << cli::printable(file);
  std::cout << ": ";
  const text::Json* age = token.find("token_age_seconds");
  const text::Json* left = token.find("token_left_seconds");
  if (age != nullptr && left != nullptr && *left->integer() > 0) {
    std::cout << cli::in_words(Seconds(*age->integer())) << " old, good for "
              << cli::in_words(Seconds(*left->integer())) << "\n";
  } else {
    std::cout << "over; the next call gets another\n";
  }
}

bool for_programs_alone(const text::Json& portal) {
  return !*portal.find("signed_in")->boolean() && portal.find("user") == nullptr &&
         !portal.find("workloads")->array()->empty();
}

void print_text(const text::Json& portal) {
  const bool signed_in = *portal.find("signed_in")->boolean();
  std::cout << cli::text_of(portal, "host") << "\n";
  if (signed_in) {
    std::cout << "  signed in as " << cli::printable(cli::text_of(portal, "user"));
    if (const std::string by = cli::text_of(portal, "provider"); !by.empty())
      std::cout << " (" << cli::printable(by) << ")";
    std::cout << "\n";
  } else {
    std::cout << (for_programs_alone(portal) ? "  nobody is signed in; used by programs\n"
                                             : "  not signed in\n");
  }
  if (const text::Json* ends = portal.find("ends_in_seconds"))
    std::cout << "  ends in " << cli::in_words(Seconds(*ends->integer())) << ", or after "
              << cli::in_words(Seconds(*portal.find("idle_in_seconds")->integer()))
              << " without use\n";
  if (const std::string problem = cli::text_of(portal, "problem"); !problem.empty())
    std::cout << "  problem: " << cli::printable(problem) << "\n";
  if (const text::Json* clusters = portal.find("clusters")) {
    for (const text::Json& each : *clusters->array())
      std::cout << "  cluster " << cli::printable(cli::text_of(each, "name")) << ": "
                << cli::printable(cli::text_of(each, "server")) << ", as "
                << cli::printable(cli::text_of(each, "user")) << "\n";
  }
  for (const char* kind : {"credentials", "workloads"}) {
    const text::Json* tokens = portal.find(kind);
    if (tokens == nullptr) continue;
    for (const text::Json& each : *tokens->array()) print_token(each);
  }
  std::cout << "  kept in " << cli::text_of(portal, "folder")
            << (cli::text_of(portal, "storage") == "keyring"
                    ? ", sealed with a key in the desktop's keyring\n"
                    : "\n");
}

}  // namespace

int status(const Options& options) {
  if (!options.token_file.empty()) return status_workload(options);
  auto plugin = Plugin::create(options);
  if (!plugin) return report_plainly(plugin.error());
  auto hosts = chosen_hosts(**plugin, options);
  if (!hosts) return (*plugin)->report(hosts.error(), options.host);
  bool all_signed_in = !hosts->empty();
  text::Json::Array portals;
  for (const cli::Host& host : *hosts) {
    portals.push_back(portal_json(**plugin, host));
    all_signed_in = all_signed_in && (*portals.back().find("signed_in")->boolean() ||
                                      for_programs_alone(portals.back()));
  }
  if (options.output == "json") {
    text::Json json;
    json.set("portals", text::Json(std::move(portals)));
    std::cout << json.dump_pretty() << "\n";
  } else {
    for (const text::Json& each : portals) print_text(each);
    if (portals.empty()) std::cout << "not signed in anywhere\n";
  }
  std::cout << std::flush;
  return all_signed_in && std::cout.good() ? kDone : kFailed;
}

}  // namespace openunison::plugin
