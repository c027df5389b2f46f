// SPDX-License-Identifier: Apache-2.0
//
// Keeper: gets the credential of a cluster in the cheapest way that works: the one that is kept,
// while enough of its life is left; a refresh of it; an exchange of the person's sign-in. One
// process at a time does the latter two at a portal; the others wait and find its result. Never
// asks a person anything. Synchronous, on the runtime's one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/machine.h"
#include "cli/portal_client.h"
#include "cli/state.h"
#include "cli/trace.h"
#include "cli/vault.h"
#include "net/runtime.h"

namespace openunison::cli {

// With less than this left a credential is replaced before it is used: a quarter of its life, at
// most 15 s.
Millis least_left(Seconds life);
// Whether so much is left; false where that can't be told.
bool is_fresh(const Credential& credential, const BootTime& now);
// What `get-token` writes to standard output (client.authentication.k8s.io/v1). Its
// expirationTimestamp is what kubectl compares with the machine's clock, be that right or wrong, so
// it is made from what is left; it comes a little early, for kubectl looks before it sends.
std::string exec_credential(const Credential& credential, const BootTime& boot, WallTime now);

// Where the refresh tokens of a portal go.
struct Keeping {
  Storage wish = Storage::automatic;
  bool in_keyring = false;
};

// One process at a time does what costs a request; waits at most 40 s. Errors: busy, state.
// `of`: whose it is, for the trace.
Result<FileLock> wait_for_lock(const std::string& file, const std::string& of, const Trace& trace);

class Keeper {
 public:
  // Makes the client when it is first needed, with what the sign-in was made with.
  using Connect =
      std::function<Result<std::unique_ptr<PortalClient>>(const std::string& authority_pem)>;
  Keeper(net::Runtime& runtime, const State& state, const BootClock& clock, Connect connect,
         Vault vault, Trace trace = {});

  // Errors: sign_in_needed (there is no sign-in, or the portal says that it is over: its token is
  // forgotten then; or the keyring lost its key), no_cluster, access_denied, unreachable,
  // untrusted, bad_answer, busy, state, keyring, keyring_locked.
  Result<Credential> credential(const Host& host, const std::string& cluster);
  // A new access token of the sign-in itself; keeps the successor of its refresh token. Errors: as
  // above.
  Result<std::string> access_token(const Host& host);
  // Who is signed in and which clusters there are. Errors: as above.
  Result<Account> account(const Host& host);
  // Tokens of a cluster for another program (kubectl's built-in client), which are not kept.
  // Errors: as above.
  Result<Tokens> hand_over(const Host& host, const ClusterAccess& cluster);
  // To be asked before a sign-in, for keep(). `wish`: none: as it was the last time. As
  // Vault::choose().
  Result<Keeping> choose_keeping(const Host& host, std::optional<Storage> wish, bool is_desktop,
                                 std::function<void()> slow);
  // Asks the person for the keyring's password, where it is locked. Errors: keyring,
  // keyring_locked.
  Result<void> unlock_keyring(const Host& host, std::function<void()> slow);
  // Keeps what a sign-in gave, its refresh token among it as it is; what came with it serves this
  // process's next questions. What it replaces is revoked at the portal if that can be done in a
  // few seconds: jobs that sign in each time would leave hundreds of sign-ins that live.
  Result<void> keep(const Host& host, SignIn sign_in, const Keeping& keeping,
                    std::string access_token, Account account);
  // Brings what is kept of a sign-in that lives to another place; asks no portal. Whatever ends it
  // on the way, each token is in one place or the other. Nothing to bring is fine.
  Result<void> keep_elsewhere(const Host& host, const Keeping& keeping);
  // Ends the families of the sign-in and of its clusters at the portal, or with `all` the whole
  // sign-in, the browser's session as well; then forgets them and their key in the keyring,
  // whatever the portal said, whose error is given.
  Result<void> sign_out(const Host& host, bool all);

 private:
  Result<PortalClient*> client(const SignIn& sign_in);
  // All that follow hold the portal's lock.
  Result<Credential> renew(const Host& host, const std::string& cluster,
                           std::optional<Credential> kept);
  Result<Credential> exchange(const Host& host, const std::string& cluster);
  Result<std::string> renew_access(const Host& host);
  Result<Account> account_by(const Host& host, const SignIn& sign_in, std::string token);
  Result<SignIn> sign_in_of(const Host& host) const;
  Result<FileLock> lock(const Host& host) const;
  // What is left of the kept token is better than nothing.
  Result<Credential> what_is_left(Credential kept, const Error& problem) const;
  Result<Credential> credential_of(const Host& host, const std::string& cluster, Tokens tokens,
                                   std::string issuer, std::string client_id, bool in_keyring);
  // The part of sign_out() that the portal hears of.
  Result<void> end_at_portal(const Host& host, const SignIn& sign_in, bool all);
  Result<void> forget_key(const Host& host, const SignIn& sign_in);
  // What a new sign-in replaces, where it lives.
  struct Replaced {
    std::string issuer, client_id;
    Secret token;
  };
  std::vector<Replaced> replaced_tokens(const Host& host, const SignIn& by);
  // Needs no lock: nobody else has these any more.
  void revoke_replaced(const SignIn& by, const std::vector<Replaced>& replaced);

  net::Runtime& runtime_;
  const State& state_;
  const BootClock& clock_;
  Connect connect_;
  Vault vault_;
  Trace trace_;
  std::unique_ptr<PortalClient> client_;
  // Of this process, which ends long before an access token does: not asked for twice.
  struct Obtained {
    Host host;
    std::string access_token;
    std::optional<Account> account;
  };
  std::optional<Obtained> obtained_;
};

}  // namespace openunison::cli
