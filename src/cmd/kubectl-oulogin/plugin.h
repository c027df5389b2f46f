// SPDX-License-Identifier: Apache-2.0
//
// Plugin: what the commands share: the machine as it is, the state folder, the way to a portal, and
// how a person is signed in there. Made once by each command that needs the network.
#pragma once

#include <memory>
#include <string>

#include "cli/keeper.h"
#include "cli/sign_in.h"
#include "text/json.h"

namespace openunison::plugin {

// Exit codes.
inline constexpr int kDone = 0, kFailed = 1, kUsedWrongly = 2;

struct Options {
  std::string host, cluster, context, certificate_authority, kubeconfig, token_file, username;
  std::string browser = "auto";
  std::string output = "text";
  std::string storage;  // "": as it was the last time
  int verbose = 0;
  bool password_stdin = false;
  bool device = false, auth_provider = false, all = false, purge = false;
};

cli::Variables variables_of_process();
// Lines of -v on standard error; says nothing where they aren't asked for.
cli::Trace trace_of(int level);
// The certificates in a file, PEM; "" for no file. Error: bad_argument.
Result<std::string> read_authority(const std::string& file);
// Says an error of before there is a Plugin; gives the exit code.
int report_plainly(const Error& error);
// --output=json; gives the exit code.
int print(const text::Json& json);

class Plugin {
 public:
  // Errors: state, untrusted.
  static Result<std::unique_ptr<Plugin>> create(const Options& options);
  // For what works without a place for its state as well: has_state() says whether there is one.
  // Error: untrusted.
  static Result<std::unique_ptr<Plugin>> create_anywhere(const Options& options);

  // Asks the portal who it is, signs the person in, and keeps that. `authority_pem`: "" for what
  // was kept of the portal, or the system's. Errors: those of cli::PortalClient and of the ways to
  // sign in; state.
  // `opens`: as in cli::SignInTools.
  Result<void> sign_in(const cli::Host& host, cli::Way way, std::string authority_pem,
                       std::function<void(const std::string& address)> opens = {});
  // The same with a built-in user's password.
  Result<void> sign_in_by_password(const cli::Host& host, std::string user, Secret password,
                                   std::string authority_pem);
  // Where the refresh tokens will go, by --storage or what was asked for before. Errors: keyring,
  // keyring_locked.
  Result<cli::Keeping> choose_keeping(const cli::Host& host, bool is_desktop);
  // Asks for the keyring's password, where it is locked; false: it isn't given.
  bool unlock_keyring(const cli::Host& host);
  // For commands that a person waits for: runs `work`, and where the keyring is locked asks the
  // person for its password and runs it again.
  template <class Work>
  auto with_keyring(const cli::Host& host, Work work) {
    auto result = work();
    if (result || !result.error().is(cli::Errc::keyring_locked) || !unlock_keyring(host))
      return result;
    return work();
  }
  // Says that another process's tab is waited for, and its address.
  void tell_of_tab(const std::string& address);
  // Says on standard error what went wrong and what to do; gives the exit code.
  int report(const Error& error, const std::string& host);

  cli::Environment& environment() { return environment_; }
  cli::Terminal& terminal() { return terminal_; }
  const cli::State& state() const { return state_; }
  bool has_state() const { return !state_.folder().empty(); }
  // A client for a portal whose authority is this ("": the machine's).
  Result<std::unique_ptr<cli::PortalClient>> connect(const std::string& authority_pem);
  cli::Keeper& keeper() { return keeper_; }
  const cli::BootClock& boot_clock() const { return boot_clock_; }
  const Clock& clock() const { return clock_; }
  net::Runtime& runtime() { return runtime_; }
  const cli::Trace& trace() const { return trace_; }

 private:
  using GetTokens = std::function<Result<cli::Tokens>(cli::PortalClient&, const cli::Portal&)>;
  Result<void> sign_in_with(const cli::Host& host, bool is_desktop, std::string authority_pem,
                            const GetTokens& get_tokens);
  Plugin(cli::Environment environment, std::string state_folder, const Options& options);
  std::function<void()> waits_for_keyring();

  std::optional<cli::Storage> storage_;
  cli::Trace trace_;
  cli::Environment environment_;
  cli::Terminal terminal_;
  cli::SystemBootClock boot_clock_;
  SystemClock clock_;
  net::Runtime runtime_;
  cli::State state_;
  cli::Keeper keeper_;
};

// --host, or every portal that something is kept of. Error: bad_argument.
Result<std::vector<cli::Host>> chosen_hosts(Plugin& plugin, const Options& options);

}  // namespace openunison::plugin
