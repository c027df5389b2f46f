// SPDX-License-Identifier: Apache-2.0
//
// `status --host=H --token-file=FILE`: whether the portal takes the token in the file, as whom and
// where, and whether what it is exchanged for can be kept on this machine.
#include <iostream>

#include "cli/words.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/workload.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

// What this machine has of it, and whether it may; "" where it can be kept.
std::string why_not_kept(Plugin& plugin, const cli::Host& host) {
  if (!plugin.has_state()) return "neither XDG_STATE_HOME nor HOME names a folder for it";
  if (const auto made = plugin.state().make_folder_of(host); !made) return made.error().message();
  const auto lock = cli::FileLock::try_take(plugin.state().lock_file(host));
  return lock ? std::string() : lock.error().message();
}

}  // namespace

int status_workload(const Options& options) {
  const auto call = workload_call(options);
  if (!call) return report_workload(call.error(), options);
  auto tools = WorkloadTools::create(options);
  if (!tools) return report_workload(tools.error(), options);
  const auto token = cli::read_subject_token(call->token_file);
  if (!token) return report_workload(token.error(), options);
  const auto account = tools->keeper->account(call->host, *token);
  if (!account) return report_workload(account.error(), options);
  const std::string not_kept = why_not_kept(*tools->plugin, call->host);
  const std::int64_t left = account->expires_at - account->now;

  if (options.output == "json") {
    text::Json json;
    json.set("host", call->host.text());
    json.set("token_file", call->token_file);
    json.set("issuer", account->issuer);
    json.set("subject", account->subject);
    json.set("token_left_seconds", left);
    json.set("readable_by_all", token->readable_by_all);
    text::Json::Array clusters;
    for (const cli::ClusterAccess& each : account->clusters) {
      text::Json cluster;
      cluster.set("name", each.name);
      cluster.set("server", each.server);
      cluster.set("user", each.user_in_cluster);
      clusters.push_back(std::move(cluster));
    }
    json.set("clusters", text::Json(std::move(clusters)));
    json.set("kept", not_kept.empty());
    if (!not_kept.empty()) json.set("note", not_kept);
    return print(json);
  }
  std::cout << call->host.text() << "\n  takes the token in " << cli::printable(call->token_file)
            << "\n  of " << cli::printable(account->subject) << " by "
            << cli::printable(account->issuer) << ", good for " << cli::in_words(Seconds(left))
            << "\n";
  for (const cli::ClusterAccess& each : account->clusters)
    std::cout << "  cluster " << cli::printable(each.name) << ": " << cli::printable(each.server)
              << ", as " << cli::printable(each.user_in_cluster) << "\n";
  if (token->readable_by_all) std::cout << "  note: everybody on this machine can read that file\n";
  if (!not_kept.empty())
    std::cout << "  note: nothing is kept, each call of kubectl exchanges the token anew: "
              << cli::printable(not_kept) << "\n";
  std::cout << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

}  // namespace openunison::plugin
