// SPDX-License-Identifier: Apache-2.0
//
// `get-token`: what kubectl runs for every call. The kept credential is printed at once, without a
// lock, a thread or a connection; only standard output carries it. When the sign-in is over, at
// most one browser tab is opened for all callers of this person on this machine, and only where a
// person is likely to see it; else one line says what to do.
#include <iostream>

#include "cli/browser.h"
#include "cli/single_tab.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"
#include "text/json.h"

namespace openunison::plugin {
namespace {

// How long a caller waits for a tab that another one opened.
constexpr Millis kOthersTab{600'000};

bool print(const cli::Credential& credential, const cli::BootClock& boot, const Clock& clock) {
  std::cout << cli::exec_credential(credential, boot.now(), clock.now()) << std::flush;
  return std::cout.good();
}

// The caller's word on whether there is somebody to ask (ExecCredential, spec.interactive).
bool told_not_to_ask(const cli::Environment& environment) {
  const auto json = text::Json::parse(environment.variable("KUBERNETES_EXEC_INFO"));
  const text::Json* spec = json ? json->find("spec") : nullptr;
  const text::Json* interactive = spec != nullptr ? spec->find("interactive") : nullptr;
  return interactive != nullptr && interactive->boolean() != nullptr && !*interactive->boolean();
}

// Signs the person in, or waits for another process that does.
Result<cli::Credential> sign_in_again(Plugin& plugin, const cli::Host& host, const Options& options,
                                      const Error& over) {
  const auto mode = cli::parse_browser_mode(options.browser);
  if (!mode)
    return fail(cli::Errc::bad_argument,
                "--browser=" + options.browser + ": use auto, tty, desktop or never");
  const cli::Choice choice = cli::choose_way(plugin.environment(), *mode);
  plugin.trace().say(over.message() + "; way to sign in: " + cli::described(choice));
  if (choice.way != cli::Way::browser)
    return fail(cli::Errc::sign_in_needed,
                over.message() + "; no browser is opened: " + choice.reason);

  cli::SingleTab tab(plugin.state().folder_of(host), host.text(), plugin.clock());
  const cli::SingleTab::Mark mark = tab.mark();
  auto credential = plugin.keeper().credential(host, options.cluster);
  if (credential || !credential.error().is(cli::Errc::sign_in_needed)) return credential;
  auto turn = plugin.runtime().block_on(
      tab.enter(mark, false, net::in(kOthersTab),
                [&](const std::string& address) { plugin.tell_of_tab(address); }));
  if (!turn) return fail(cli::Errc::sign_in_needed, over.message() + "; " + turn.error().message());
  if (turn->kind == cli::Turn::Kind::backed_off) {
    const auto wait = std::chrono::ceil<Seconds>(turn->wait);
    return fail(cli::Errc::sign_in_needed,
                over.message() +
                    "; the last sign-in came to nothing, so no browser is opened for " +
                    std::to_string(wait.count()) + " s");
  }
  plugin.trace().say(turn->kind == cli::Turn::Kind::opener ? "this process opens the browser"
                                                           : "another process's sign-in is used");
  if (turn->kind == cli::Turn::Kind::opener) {
    plugin.terminal().line(over.message());
    const auto signed_in = plugin.sign_in(
        host, cli::Way::browser, {}, [&](const std::string& address) { turn->opens(address); });
    if (!signed_in) {
      turn->failed();
      return std::unexpected(signed_in.error());
    }
    turn->succeeded();
  }
  return plugin.keeper().credential(host, options.cluster);
}

int fetch(const cli::Host& host, const Options& options) {
  auto plugin = Plugin::create(options);
  if (!plugin) return report_plainly(plugin.error());
  Plugin& self = **plugin;
  if (told_not_to_ask(self.environment())) self.environment().stdin_is_terminal = false;
  auto credential = self.keeper().credential(host, options.cluster);
  if (!credential && credential.error().is(cli::Errc::sign_in_needed))
    credential = sign_in_again(self, host, options, Error(credential.error()));
  if (!credential) return self.report(credential.error(), host.text());
  return print(*credential, self.boot_clock(), self.clock()) ? kDone : kFailed;
}

}  // namespace

int get_token(const Options& options) {
  if (!options.token_file.empty()) return get_token_workload(options);
  const auto host = cli::Host::parse(options.host);
  if (!host || options.cluster.empty()) {
    std::cerr << "kubectl-oulogin: "
              << (host ? std::string("get-token needs --cluster") : host.error().message()) << "\n";
    return kUsedWrongly;
  }
  const auto folder = cli::State::folder_by(variables_of_process());
  if (folder) {
    const cli::SystemBootClock boot;
    const auto kept = cli::State(*folder).credential(*host, options.cluster);
    if (kept && *kept && cli::is_fresh(**kept, boot.now())) {
      trace_of(options.verbose).say("token of " + options.cluster + ": the kept one");
      return print(**kept, boot, SystemClock()) ? kDone : kFailed;
    }
  }
  return fetch(*host, options);
}

}  // namespace openunison::plugin
