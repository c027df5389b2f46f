// SPDX-License-Identifier: Apache-2.0
//
// KeyRing: the signing keys of one provider over time, safe for kube-apiserver, which trusts a
// known key until something makes it refetch and refuses an unknown one until its cache has
// expired: a key is published long before it signs and stays published until its last token has
// expired.
//
//   pending --(publish_ahead)--> active --(next becomes active)--> retiring --(linger)--> gone
//
// Snapshot is immutable and swapped by pointer. KeyRing's own methods may be called from any
// thread; they are serialised by a mutex and write the state file (sealed, temp + fsync + rename)
// before the new snapshot shows.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "jose/jwk.h"
#include "jose/jwt.h"

namespace openunison::jose {

enum class KeyState { pending, active, retiring };
std::string_view name(KeyState state);

struct KeyPolicy {
  crypto::Algorithm algorithm = crypto::Algorithm::rs256;
  unsigned rsa_bits = 2048;
  Seconds jwks_max_age{300};
  Seconds publish_ahead{86'400};  // at least 2 × jwks_max_age + 60 s; CHECKed
  Seconds rotate_every{0};        // 0: only when asked
  Seconds token_life{60};         // the longest life of a token that these keys sign
};

struct KeyInfo {
  std::string kid;
  crypto::Algorithm algorithm;
  KeyState state;
  WallTime created, activates, leaves;  // `leaves` is the epoch while unknown
};

// What the provider uses at one moment.
struct KeySnapshot {
  std::shared_ptr<const Signer> signer;
  JwkSet published;  // pending, active and retiring keys
  std::string jwks;  // serialised once
  std::vector<KeyInfo> keys;
};

class KeyRing {
 public:
  // Opens `file` or makes the first key (active at once: nobody has fetched the JWKS yet).
  // An empty `file` keeps the ring in memory. Errors: keys_unavailable, with the file's name; a
  // file that doesn't open with the master key is never overwritten.
  static Result<std::unique_ptr<KeyRing>> open(std::string file, const crypto::MasterKey& master,
                                               KeyPolicy policy, crypto::Random& random,
                                               const Clock& clock);
  // Whether open() could read `file`; changes nothing. Error: keys_unavailable.
  static Result<void> inspect(const std::string& file, const crypto::MasterKey& master);
  // Read-only, from a mounted key; rotate and retire answer keys_unavailable.
  static Result<std::unique_ptr<KeyRing>> fixed(crypto::PrivateKey key, std::string kid,
                                                KeyPolicy policy, const Clock& clock);

  std::shared_ptr<const KeySnapshot> snapshot() const;

  // Moves keys along by the clock; call about once a second and before reading after a restart.
  Result<bool> tick();
  // Publishes a new key, which signs after publish_ahead. Returns it. If one is pending already:
  // that one. `now`: it signs at once (emergency; tokens of it are refused until API servers
  // refetch).
  Result<KeyInfo> rotate(bool now = false);
  // Takes a key out of the JWKS at once (leaked): if it was active, the pending key (or a new one)
  // signs from now on.
  Result<void> retire(std::string_view kid);
  // Publishes a given key as the pending one, in the place of another that is pending. kid empty:
  // its thumbprint. Error malformed: not of the policy's algorithm, or the kid is taken.
  Result<KeyInfo> import(crypto::PrivateKey key, std::string kid);
  std::vector<KeyInfo> list() const;

 private:
  struct Entry;
  struct State;
  explicit KeyRing(std::unique_ptr<State> state);

 public:
  ~KeyRing();

 private:
  mutable std::mutex mutex_;
  std::unique_ptr<State> state_;
};

}  // namespace openunison::jose
