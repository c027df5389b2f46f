// SPDX-License-Identifier: Apache-2.0
//
// State: what the plugin keeps between calls, in files of the person's own (0600 in folders of
// 0700): a folder for each portal, with the sign-in there and a credential for each cluster.
// A file is replaced whole, so who reads without the portal's lock finds the former or the new; who
// writes holds it.
//
//   STATE/HOST[_PORT]/lock, sign_in.json, cluster-NAME.json
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "cli/boot_clock.h"
#include "cli/host.h"
#include "cli/vault.h"

namespace openunison::cli {

using Variables = std::function<std::optional<std::string>(const char* name)>;

// A portal, and the person's sign-in there. It outlives the sign-in: what is known of the portal is
// needed for the next.
struct SignIn {
  std::string portal_name, issuer, account_endpoint, sign_out_endpoint;
  std::string authority_pem;  // what --certificate-authority had; "": the system's
  std::string user;
  Storage storage = Storage::automatic;  // as it was asked for
  KeptToken refresh_token;               // empty: nobody is signed in
};

// What `get-token` prints, and what it gets the next one with.
struct Credential {
  std::string issuer, client_id;
  Secret id_token;
  BootTime received;
  Seconds life{0};
  // Empty: exchange the sign-in's again.
  KeptToken refresh_token;

  // What is left of the token's life; none if that can't be told.
  std::optional<Millis> left(const BootTime& now) const;
};

class State {
 public:
  // $XDG_STATE_HOME/kubectl-oulogin, else ~/.local/state/kubectl-oulogin. Error: state.
  static Result<std::string> folder_by(const Variables& variables);
  explicit State(std::string folder) : folder_(std::move(folder)) {}
  const std::string& folder() const { return folder_; }

  // The folder of a portal, made where `make`. Error: state.
  std::string folder_of(const Host& host) const;
  Result<void> make_folder_of(const Host& host) const;
  std::string sign_in_file(const Host& host) const { return folder_of(host) + "/sign_in.json"; }
  std::string credential_file(const Host& host, std::string_view cluster) const;
  std::string lock_file(const Host& host) const { return folder_of(host) + "/lock"; }

  // nullopt: there is none. Error: state, where the file is there and can't be used.
  Result<std::optional<SignIn>> sign_in(const Host& host) const;
  Result<std::optional<Credential>> credential(const Host& host, std::string_view cluster) const;
  Result<void> save(const Host& host, const SignIn& sign_in) const;
  Result<void> save(const Host& host, std::string_view cluster, const Credential& credential) const;
  // Everything about the portal. Nothing there is fine.
  Result<void> forget(const Host& host) const;
  // Nothing there is fine.
  Result<void> remove_credential(const Host& host, std::string_view cluster) const;

  // Portals and clusters that there is something of, by name.
  std::vector<Host> hosts() const;
  std::vector<std::string> clusters(const Host& host) const;

 private:
  std::string folder_;
};

}  // namespace openunison::cli
