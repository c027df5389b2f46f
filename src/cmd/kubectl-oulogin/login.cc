// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin --host=H`: signs in where that is needed, learns the clusters, writes them into
// the kubeconfig and switches to one. With a sign-in that lives and entries that are there it only
// mends what they call, and switches.
#include <algorithm>
#include <iostream>

#include "cli/entries.h"
#include "cli/own_program.h"
#include "cli/single_tab.h"
#include "cli/words.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/password.h"
#include "cmd/kubectl-oulogin/told.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

constexpr Millis kOthersTab{600'000};

// What is told in the end.
struct SignedIn : Told {
  bool anew = false;
  std::int64_t ends_in = 0;
};

int tell(Plugin& plugin, const cli::Host& host, const Options& options, const SignedIn& told) {
  if (options.output == "json") {
    text::Json json = json_of(host, told);
    json.set("signed_in", told.anew);
    return print(json);
  }
  cli::Terminal& terminal = plugin.terminal();
  if (told.anew)
    terminal.line(
        "Signed in at " + host.text() + " as " + told.user +
            (told.ends_in > 0 ? ", for at most " + cli::in_words(Seconds(told.ends_in)) : ""),
        cli::Ink::good);
  tell_context(terminal, told);
  return kDone;
}

// The entry that a call without a new sign-in would switch to.
const cli::OwnContext* wanted(const std::vector<cli::OwnContext>& own, const Options& options) {
  const cli::OwnContext* found = nullptr;
  for (const cli::OwnContext& each : own) {
    if (!each.token_file.empty()) continue;
    if (!options.cluster.empty() && each.cluster != options.cluster) continue;
    if (!options.context.empty() && each.name != options.context) continue;
    if (found == nullptr || each.current) found = &each;
  }
  return found;
}

// With a built-in user's password on standard input.
Result<void> sign_in_by_password(Plugin& plugin, const cli::Host& host, const Options& options,
                                 const std::string& authority_pem) {
  if (options.username.empty())
    return fail(cli::Errc::bad_argument, "--password-stdin needs --username");
  return plugin.sign_in_by_password(host, options.username, TRY(read_password_line(0)),
                                    authority_pem);
}

Result<void> sign_in(Plugin& plugin, const cli::Host& host, const Options& options,
                     const std::string& authority_pem) {
  const auto mode = cli::parse_browser_mode(options.browser);
  if (!mode)
    return fail(cli::Errc::bad_argument,
                "--browser=" + options.browser + ": use auto, tty, desktop or never");
  const cli::Choice choice = options.device ? cli::Choice{cli::Way::device, ""}
                                            : cli::choose_way(plugin.environment(), *mode);
  plugin.trace().say("way to sign in: " + cli::described(choice));
  if (choice.way == cli::Way::none)
    return fail(cli::Errc::sign_in_needed, "nobody can sign in here: " + choice.reason +
                                               "; --device shows a code to enter "
                                               "somewhere else");
  if (choice.way == cli::Way::device) {
    if (!choice.reason.empty())
      plugin.terminal().line("No browser is opened: " + choice.reason, cli::Ink::soft);
    return plugin.sign_in(host, choice.way, authority_pem);
  }
  TRY_VOID(plugin.state().make_folder_of(host));
  cli::SingleTab tab(plugin.state().folder_of(host), host.text(), plugin.clock());
  cli::Turn turn = TRY(plugin.runtime().block_on(
      tab.enter(tab.mark(), true, net::in(kOthersTab),
                [&](const std::string& address) { plugin.tell_of_tab(address); })));
  plugin.trace().say(turn.kind == cli::Turn::Kind::signed_in ? "another process's sign-in is used"
                                                             : "this process opens the browser");
  if (turn.kind == cli::Turn::Kind::signed_in) return {};
  auto signed_in = plugin.sign_in(host, choice.way, authority_pem,
                                  [&](const std::string& address) { turn.opens(address); });
  if (signed_in) {
    turn.succeeded();
  } else {
    turn.failed();
  }
  return signed_in;
}

Result<const cli::ClusterAccess*> pick(const cli::Account& account, const Options& options,
                                       const kube::Kubeconfig& config, const cli::Host& host) {
  if (account.clusters.empty())
    return fail(cli::Errc::no_cluster, "none of the groups of " + account.user +
                                           " gives access to a cluster of " + host.text() +
                                           "; ask whoever runs it");
  std::string wanted_name = options.cluster;
  if (wanted_name.empty()) {
    for (const cli::OwnContext& each : cli::own_contexts(config, host)) {
      if (each.current && each.token_file.empty()) wanted_name = each.cluster;
    }
  }
  const auto found = std::ranges::find(account.clusters, wanted_name, &cli::ClusterAccess::name);
  if (found != account.clusters.end()) return &*found;
  if (options.cluster.empty()) return &account.clusters.front();
  std::string names;
  for (const cli::ClusterAccess& each : account.clusters)
    names += (names.empty() ? "" : ", ") + each.name;
  return fail(cli::Errc::bad_argument, "--cluster=" + options.cluster + ": " + account.user +
                                           " may use " + names + " at " + host.text());
}

// Follows a --storage that isn't what a sign-in that lives is kept by. Gives whether that takes a
// new sign-in: what a keyring that is gone or stays locked holds can't be brought to a file.
Result<bool> keep_elsewhere(Plugin& plugin, const cli::Host& host, const Options& options) {
  const auto wish = cli::parse_storage(options.storage);
  const auto kept = plugin.state().sign_in(host);
  if (!wish || !kept || !*kept || (*kept)->refresh_token.empty() || (*kept)->storage == *wish)
    return false;
  const auto mode = cli::parse_browser_mode(options.browser).value_or(cli::BrowserMode::automatic);
  const bool is_desktop = cli::choose_way(plugin.environment(), mode).way == cli::Way::browser;
  const cli::Keeping keeping = TRY(plugin.choose_keeping(host, is_desktop));
  const auto kept_there =
      plugin.with_keyring(host, [&] { return plugin.keeper().keep_elsewhere(host, keeping); });
  if (kept_there) return false;
  const Error& error = kept_there.error();
  if (!keeping.in_keyring && (error.is(cli::Errc::keyring) || error.is(cli::Errc::keyring_locked) ||
                              error.is(cli::Errc::sign_in_needed)))
    return true;
  return std::unexpected(error);
}

// Everything anew from what the portal says; `anew`: whatever is kept of a sign-in.
Result<SignedIn> write_entries(Plugin& plugin, const cli::Host& host, const Options& options,
                               const kube::Files& files, const std::string& authority_pem,
                               bool anew) {
  const kube::Kubeconfig config = TRY(kube::read(files));
  SignedIn told;
  if (options.password_stdin) {
    TRY_VOID(sign_in_by_password(plugin, host, options, authority_pem));
    told.anew = true;
  }
  const auto ask = [&] { return plugin.keeper().account(host); };
  auto account =
      anew && !told.anew ? fail(cli::Errc::sign_in_needed, "") : plugin.with_keyring(host, ask);
  if (!account && !told.anew && account.error().is(cli::Errc::sign_in_needed)) {
    TRY_VOID(sign_in(plugin, host, options, authority_pem));
    told.anew = true;
    account = ask();
  }
  if (!account) return std::unexpected(account.error());
  const cli::ClusterAccess* const chosen = TRY(pick(*account, options, config, host));
  kube::Change change;
  cli::EntryNames names;
  if (options.auth_provider) {
    names = cli::add_auth_provider(change, config, host, *chosen, account->user, options.context,
                                   TRY(plugin.keeper().hand_over(host, *chosen)));
  } else {
    // So that what is wrong with it is said now and not at the first call of kubectl.
    TRY(plugin.keeper().credential(host, chosen->name));
    const cli::EntryOptions entry{TRY(cli::own_program(plugin.environment())), options.context,
                                  options.browser};
    names = cli::add_entries(change, config, host, *chosen, account->user, entry);
    for (const cli::ClusterAccess& each : account->clusters) {
      if (&each == chosen || !options.cluster.empty()) continue;
      const cli::EntryOptions other{entry.program, "", entry.browser};
      told.others.push_back(
          cli::add_entries(change, config, host, each, account->user, other).context);
    }
  }
  change.current_context = names.context;
  kube::WriteOptions write;
  write.say = [&](std::string_view line) { plugin.terminal().line(line, cli::Ink::soft); };
  told.files = TRY(kube::apply(files, change, write)).files;
  told.user = account->user;
  told.context = names.context;
  told.cluster = chosen->name;
  told.server = chosen->server;
  told.ends_in = account->ends_at - account->now;
  return told;
}

Result<SignedIn> run(Plugin& plugin, const cli::Host& host, const Options& options) {
  const std::string authority_pem = TRY(read_authority(options.certificate_authority));
  const kube::Files files =
      TRY(kube::find_files(options.kubeconfig, kube::Environment::of_process()));
  const kube::Kubeconfig config = TRY(kube::read(files));
  const std::vector<cli::OwnContext> own = cli::own_contexts(config, host);
  const cli::OwnContext* const there = wanted(own, options);
  if (there == nullptr) TRY_VOID(kube::check_writable(files));
  const bool anew = !options.password_stdin && TRY(keep_elsewhere(plugin, host, options));
  if (anew || there == nullptr || options.auth_provider || options.password_stdin ||
      !authority_pem.empty())
    return write_entries(plugin, host, options, files, authority_pem, anew);

  const auto credential =
      plugin.with_keyring(host, [&] { return plugin.keeper().credential(host, there->cluster); });
  if (!credential) {
    if (!credential.error().is(cli::Errc::sign_in_needed))
      return std::unexpected(credential.error());
    return write_entries(plugin, host, options, files, authority_pem, false);
  }
  kube::Change change;
  change.current_context = there->name;
  // The program may have been moved since, or another browser is wanted now.
  const bool only_this = !options.cluster.empty() || !options.context.empty();
  change.exec_users =
      cli::stale_users(config, only_this ? std::vector{*there} : own,
                       TRY(cli::own_program(plugin.environment())), options.browser);
  SignedIn told;
  told.files = TRY(kube::apply(files, change)).files;
  const auto known = TRY(plugin.state().sign_in(host));
  told.user = known ? known->user : "";
  told.context = there->name;
  told.cluster = there->cluster;
  told.server = there->server;
  for (const cli::OwnContext& each : own) {
    if (each.name != there->name) told.others.push_back(each.name);
  }
  return told;
}

}  // namespace

int login(const Options& options) {
  if (!options.token_file.empty()) return login_workload(options);
  auto plugin = Plugin::create(options);
  if (!plugin) return report_plainly(plugin.error());
  const auto host = cli::Host::parse(options.host);
  if (!host) return (*plugin)->report(host.error(), options.host);
  if (!options.username.empty() && !options.password_stdin)
    return (*plugin)->report(Error(cli::Errc::bad_argument,
                                   "--username is for --password-stdin; a browser asks by itself"),
                             host->text());
  if (options.password_stdin && options.device)
    return (*plugin)->report(
        Error(cli::Errc::bad_argument, "--device and --password-stdin are two ways to sign in"),
        host->text());
  const auto told = run(**plugin, *host, options);
  if (!told) return (*plugin)->report(told.error(), host->text());
  return tell(**plugin, *host, options, *told);
}

}  // namespace openunison::plugin
