// SPDX-License-Identifier: Apache-2.0
//
// Refresh tokens: family ‖ generation ‖ HMAC(key, family ‖ generation ‖ issuer ‖ client). Nothing
// secret is stored, a forgery dies without a look-up, and the successor can be made again
// (docs/adr/0004-tokens-and-refresh.md).
// Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/seal.h"
#include "store/records.h"

namespace openunison::session {

// Whose a refresh token is. Client ids are names below an issuer: two clusters may both have a
// client "kubernetes", and the token of one is nothing to the other.
struct Holder {
  std::string issuer, client_id;
};

class RefreshTokens {
 public:
  explicit RefreshTokens(const crypto::MasterKey& master);

  // "our_" and 70 characters of base64url.
  Secret make(store::SessionId family, std::uint32_t generation, const Holder& holder) const;

  struct Parsed {
    store::SessionId family;
    std::uint32_t generation;
  };
  // Verified for `holder`, in constant time. Error: bad_token.
  Result<Parsed> parse(std::string_view token, const Holder& holder) const;

 private:
  std::vector<Secret> keys_;  // current first
};

}  // namespace openunison::session
