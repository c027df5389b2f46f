// SPDX-License-Identifier: Apache-2.0
//
// Keeper: gets the credential of a cluster in the cheapest way that works: the one that is kept,
// while enough of its life is left; a refresh of it; an exchange of the person's sign-in. One
// process at a time does the latter two at a portal; the others wait and find its result. Never
// asks a person anything. Synchronous, on the runtime's one thread.
#pragma once

#include <functional>
#include <string>

#include "cli/machine.h"
#include "cli/portal_client.h"
#include "cli/state.h"
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

// One process at a time does what costs a request; waits at most 40 s. Errors: busy, state.
Result<FileLock> wait_for_lock(const std::string& file);

class Keeper {
 public:
  // Makes the client when it is first needed, with what the sign-in was made with.
  using Connect =
      std::function<Result<std::unique_ptr<PortalClient>>(const std::string& authority_pem)>;
  Keeper(net::Runtime& runtime, const State& state, const BootClock& clock, Connect connect);

  // Errors: sign_in_needed (there is no sign-in, or the portal says that it is over: its token is
  // forgotten then), no_cluster, access_denied, unreachable, untrusted, bad_answer, busy,
  // state.
  Result<Credential> credential(const Host& host, const std::string& cluster);
  // A new access token of the sign-in itself; keeps the successor of its refresh token. Errors: as
  // above.
  Result<std::string> access_token(const Host& host);
  // Who is signed in and which clusters there are. Errors: as above.
  Result<Account> account(const Host& host);
  // Tokens of a cluster for another program (kubectl's built-in client), which are not kept.
  // Errors: as above.
  Result<Tokens> hand_over(const Host& host, const ClusterAccess& cluster);
  // Keeps what a sign-in gave; what came with it serves this process's next questions.
  Result<void> keep(const Host& host, SignIn sign_in, std::string access_token, Account account);
  // Ends the families of the sign-in and of its clusters at the portal, or with `all` the whole
  // sign-in, the browser's session as well; then forgets them, whatever the portal said, whose
  // error is given.
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

  net::Runtime& runtime_;
  const State& state_;
  const BootClock& clock_;
  Connect connect_;
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
