// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin --host=H --token-file=FILE`: writes the clusters that the token in the file
// opens into the kubeconfig and switches to one. Nobody is signed in, and no secret is written: the
// entry names the file.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "cli/entries.h"
#include "cli/own_program.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/told.h"
#include "cmd/kubectl-oulogin/workload.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

struct Taken : Told {
  std::string subject;
};

std::string problem_of(const Options& options) {
  for (const auto& [given, name] :
       {std::pair(options.device, "--device"), std::pair(options.auth_provider, "--auth-provider"),
        std::pair(options.password_stdin, "--password-stdin"),
        std::pair(!options.username.empty(), "--username"),
        std::pair(!options.storage.empty(), "--storage"),
        std::pair(options.browser != "auto", "--browser")}) {
    if (given) return std::string(name) + " is for people, and --token-file for programs";
  }
  return {};
}

Result<const cli::ClusterAccess*> pick(const cli::WorkloadAccount& account,
                                       const cli::WorkloadCall& call) {
  if (call.cluster.empty()) return &account.clusters.front();
  const auto found = std::ranges::find(account.clusters, call.cluster, &cli::ClusterAccess::name);
  if (found != account.clusters.end()) return &*found;
  std::string names;
  for (const cli::ClusterAccess& each : account.clusters)
    names += (names.empty() ? "" : ", ") + each.name;
  return fail(cli::Errc::no_cluster, "--cluster=" + call.cluster + ": " + call.host.text() +
                                         " lets " + account.subject + " into " + names);
}

Result<Taken> run(WorkloadTools& tools, cli::WorkloadCall call, const Options& options) {
  const kube::Files files =
      TRY(kube::find_files(options.kubeconfig, kube::Environment::of_process()));
  const kube::Kubeconfig config = TRY(kube::read(files));
  const cli::SubjectToken token = TRY(cli::read_subject_token(call.token_file));
  // In a pod it is Kubernetes that sets the mode.
  if (token.readable_by_all &&
      tools.plugin->environment().variable("KUBERNETES_SERVICE_HOST").empty())
    tools.plugin->terminal().line("Everybody on this machine can read " + call.token_file +
                                  " and be who it is for: chmod 600 it");
  const cli::WorkloadAccount account = TRY(tools.keeper->account(call.host, token));
  const cli::ClusterAccess* const chosen = TRY(pick(account, call));
  // So that what is wrong with it is said now and not at the first call of kubectl.
  call.cluster = chosen->name;
  TRY(tools.keeper->credential(call));

  cli::EntryOptions entry{TRY(cli::own_program(tools.plugin->environment())), options.context, ""};
  entry.token_file = call.token_file;
  if (!options.certificate_authority.empty())
    entry.certificate_authority =
        std::filesystem::absolute(options.certificate_authority).lexically_normal().string();
  kube::Change change;
  const cli::EntryNames names =
      cli::add_entries(change, config, call.host, *chosen, chosen->user_in_cluster, entry);
  Taken told;
  for (const cli::ClusterAccess& each : account.clusters) {
    if (&each == chosen || !options.cluster.empty()) continue;
    cli::EntryOptions other = entry;
    other.context.clear();
    told.others.push_back(
        cli::add_entries(change, config, call.host, each, each.user_in_cluster, other).context);
  }
  change.current_context = names.context;
  kube::WriteOptions write;
  write.say = [&](std::string_view line) { tools.plugin->terminal().line(line, cli::Ink::soft); };
  told.files = TRY(kube::apply(files, change, write)).files;
  told.subject = account.subject;
  told.user = chosen->user_in_cluster;
  told.context = names.context;
  told.cluster = chosen->name;
  told.server = chosen->server;
  return told;
}

int tell(Plugin& plugin, const cli::Host& host, const Options& options, const Taken& told) {
  if (options.output == "json") {
    text::Json json = json_of(host, told);
    json.set("subject", told.subject);
    return print(json);
  }
  cli::Terminal& terminal = plugin.terminal();
  terminal.line(host.text() + " takes the token of " + told.subject + "; it is " + told.user +
                    " in the cluster " + told.cluster,
                cli::Ink::good);
  tell_context(terminal, told);
  return kDone;
}

}  // namespace

int login_workload(const Options& options) {
  if (const std::string problem = problem_of(options); !problem.empty())
    return report_workload(Error(cli::Errc::bad_argument, problem), options);
  const auto call = workload_call(options);
  if (!call) return report_workload(call.error(), options);
  auto tools = WorkloadTools::create(options);
  if (!tools) return report_workload(tools.error(), options);
  const auto told = run(*tools, *call, options);
  if (!told) return report_workload(told.error(), options);
  return tell(*tools->plugin, call->host, options, *told);
}

}  // namespace openunison::plugin
