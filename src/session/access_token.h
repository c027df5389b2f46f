// SPDX-License-Identifier: Apache-2.0
//
// Access tokens: opaque, sealed references to a session; never stored, never a JWT, so that none
// can pass as a credential at an API server. Whether the session still lives is checked at use.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "store/records.h"

namespace openunison::session {

struct AccessToken {
  store::SessionId session;
  std::string client_id;
  std::string scope;
  std::string issuer;  // of the provider that gave it out
  WallTime expires_at;
};

class AccessTokens {
 public:
  explicit AccessTokens(const crypto::MasterKey& master) : sealer_(master, "access-token") {}
  std::string seal(const AccessToken& token, crypto::Random& random) const;
  // Error: bad_token (also when expired).
  Result<AccessToken> open(std::string_view sealed, WallTime now) const;

 private:
  crypto::Sealer sealer_;
};

}  // namespace openunison::session
