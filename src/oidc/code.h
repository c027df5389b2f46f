// SPDX-License-Identifier: Apache-2.0
//
// Authorization codes: sealed, good for 60 s, bound to client, redirect address and PKCE challenge.
// Nothing is stored until one is redeemed; then its id is, so that it can't be a second time.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "store/records.h"

namespace openunison::oidc {

inline constexpr Seconds kCodeLife{60};

struct Code {
  store::CodeId id;
  store::SignInId sign_in;
  std::string client_id, redirect_uri, scope, nonce;
  std::string challenge;  // S256; empty: none was sent
  WallTime expires_at;
};

class Codes {
 public:
  // Codes of one issuer don't open at another.
  Codes(const crypto::MasterKey& master, std::string issuer);
  std::string seal(const Code& code, crypto::Random& random) const;
  // Error: session::Errc::bad_token. Whether it is still good is the caller's to look at: one that
  // isn't may have been used before, and then its second use ends what the first opened.
  Result<Code> open(std::string_view sealed) const;

 private:
  crypto::Sealer sealer_;
  std::string issuer_;
};

// RFC 7636 §4.1: 43 to 128 unreserved characters.
bool valid_verifier(std::string_view verifier);
// RFC 7636 §4.6, S256, in constant time.
bool verifies(std::string_view challenge, std::string_view verifier);

}  // namespace openunison::oidc
