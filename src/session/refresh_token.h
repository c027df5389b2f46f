// SPDX-License-Identifier: Apache-2.0
//
// Refresh tokens: family ‖ generation ‖ HMAC(key, family ‖ generation ‖ client). Nothing secret is
// stored, a forgery dies without a look-up, and the successor can be made again (docs/adr: tokens).
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

class RefreshTokens {
 public:
  explicit RefreshTokens(const crypto::MasterKey& master);

  // "our_" and 70 characters of base64url.
  Secret make(store::SessionId family, std::uint32_t generation, std::string_view client_id) const;

  struct Parsed {
    store::SessionId family;
    std::uint32_t generation;
  };
  // Verified for `client_id`, in constant time. Error: bad_token.
  Result<Parsed> parse(std::string_view token, std::string_view client_id) const;

 private:
  std::vector<Secret> keys_;  // current first
};

}  // namespace openunison::session
