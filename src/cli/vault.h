// SPDX-License-Identifier: Apache-2.0
//
// Vault: in which form refresh tokens are kept. In a file they stand as they are. With the
// desktop's keyring they stand in the same file, sealed (AES-256-GCM) with a key of the portal that
// only the keyring has. So the keyring is written once a sign-in and read once a refresh, and what
// replaces a token each minute is one file that is renamed: there is no moment at which a token
// that the portal has replaced is in one place and its successor in neither. Callers hold the
// portal's lock, but for choose(). Blocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "cli/host.h"
#include "cli/keyring.h"
#include "cli/trace.h"

namespace openunison::cli {

// --storage=
enum class Storage {
  automatic,  // "auto": the keyring, where there is one that works; else files
  file,
  keyring,
};
std::optional<Storage> parse_storage(std::string_view text);
std::string_view name_of(Storage storage);

// One or the other, or neither. A type of its own, so that a sealed one is never sent.
struct KeptToken {
  Secret plain = {};
  std::string sealed = {};
  bool empty() const { return plain.empty() && sealed.empty(); }
};

class Vault {
 public:
  // `keyring`: nullptr where there is none. `folder`: of the state.
  Vault(std::unique_ptr<Keyring> keyring, std::string folder, Trace trace = {});

  // Whether the refresh tokens of that portal go to the keyring; tries that it works. With
  // `automatic` never an error nor a question, and nothing is tried without a desktop; with
  // `keyring` the person may be asked for its password. Errors: keyring, keyring_locked, of
  // `keyring` alone.
  Result<bool> choose(const Host& host, Storage wish, bool is_desktop, std::function<void()> slow);

  // Asks the person for the keyring's password, where it is locked. Errors: keyring,
  // keyring_locked.
  Result<void> unlock(const Host& host, std::function<void()> slow);

  // The key is there from now on, made where it was missing. Errors: keyring, keyring_locked.
  Result<void> ensure_key(const Host& host);
  // `name` says which of the portal's tokens it is: one can't be put in place of another. Errors:
  // keyring, keyring_locked; sign_in_needed: the keyring works and doesn't have the key.
  Result<Secret> open(const Host& host, std::string_view name, const KeptToken& kept);
  Result<KeptToken> close(const Host& host, std::string_view name, const Secret& token,
                          bool in_keyring);
  // Takes the key out of the keyring, if there is one. Errors: keyring, keyring_locked.
  Result<void> forget(const Host& host);

 private:
  Result<const Secret*> key(const Host& host);
  KeyName key_name(const Host& host) const { return {host.text(), folder_}; }
  Result<void> make_key(const Host& host, const KeyringAsking& asking);
  Result<bool> look_for_key(const Host& host, const KeyringAsking& asking);

  std::unique_ptr<Keyring> keyring_;
  std::string folder_;
  Trace trace_;
  // Read once by a process, which is about one portal.
  std::optional<Host> host_;
  Secret key_;
};

}  // namespace openunison::cli
