// SPDX-License-Identifier: Apache-2.0
//
// ID tokens (OpenID Connect Core §2): which claims a principal's tokens carry, and their size.
// Shared by the provider, which signs them, and the portal, which must know beforehand whether one
// would be too big. Every ID token has jti and token_use "id"; kube-apiserver logs jti as the
// credential id.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/random.h"
#include "identity/identity.h"
#include "identity/workloads.h"
#include "jose/jwt.h"
#include "store/records.h"

namespace openunison::session {

inline constexpr std::size_t kMaxIdTokenBytes = 8 * 1024;
inline constexpr Seconds kNotBeforeSlack{120};

struct IdTokenRequest {
  std::string_view issuer;
  std::string_view audience;      // client id
  std::string_view nonce;         // empty: none
  std::string_view scope;         // granted, in the form of session/claims.h: chooses the claims
  std::string_view access_token;  // for at_hash; empty: none
  Seconds life{60};
};

struct IdToken {
  std::string token;
  std::string jti;
  WallTime expires_at;
};

// The claims as JSON, without signing.
std::string id_token_claims(const IdTokenRequest& request, const identity::Principal& principal,
                            const store::Live& live, std::string_view jti, WallTime now,
                            crypto::Algorithm algorithm);
// Error: token_too_large.
Result<IdToken> issue_id_token(const IdTokenRequest& request, const identity::Principal& principal,
                               const store::Live& live, const jose::Signer& signer,
                               crypto::Random& random, WallTime now);
// Of a program, which nobody signed in for: no session stands behind it, and it has no auth_time,
// sid, or claims about a person. Of the request only issuer, audience and life count. Error:
// token_too_large.
Result<IdToken> issue_workload_token(const IdTokenRequest& request,
                                     const identity::Admitted& program, const jose::Signer& signer,
                                     crypto::Random& random, WallTime now);
// What issue_id_token would refuse, without a signature being made. Error: token_too_large.
Result<void> check_id_token_size(const IdTokenRequest& request,
                                 const identity::Principal& principal, const store::Live& live,
                                 WallTime now);

}  // namespace openunison::session
