// SPDX-License-Identifier: Apache-2.0
//
// What makes an API server forget a key that has leaked. kube-apiserver trusts every key that it
// has once read until a token with a key id that it doesn't know makes it read the JWKS again, and
// the tokens of a new key do that only where it hasn't read that key yet. An eviction token names a
// key that nobody has. It is no credential: its signature is random, and it names no person.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/key.h"
#include "crypto/random.h"

namespace openunison::jose {

inline constexpr Seconds kEvictionTokenLife{600};

struct EvictionToken {
  std::string token, kid;
  WallTime expires_at;
};

// `algorithm`: one that the API server accepts, since it looks at that before it looks for the key.
EvictionToken make_eviction_token(std::string_view issuer, std::string_view audience,
                                  crypto::Algorithm algorithm, crypto::Random& random,
                                  WallTime now);

}  // namespace openunison::jose
