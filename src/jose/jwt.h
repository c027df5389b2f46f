// SPDX-License-Identifier: Apache-2.0
//
// JSON Web Tokens (RFC 7519) in compact JWS (RFC 7515). Parse, then verify: UnverifiedJwt shows
// only what choosing a key needs; a VerifiedJwt can only be made by Verifier::verify. Verification
// is a pure function of keys, expectations and `now`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key.h"
#include "jose/error.h"
#include "jose/jwk.h"
#include "text/json.h"

namespace openunison::jose {

class UnverifiedJwt {
 public:
  // Three base64url parts, JSON objects, ≤ 64 KiB; "crit", "b64" and JWE are refused; jku, x5u, jwk
  // and x5c are ignored. Errors: malformed, bad_algorithm, critical_header.
  static Result<UnverifiedJwt> parse(std::string_view compact);

  crypto::Algorithm algorithm() const { return algorithm_; }
  const std::string& kid() const { return kid_; }
  const std::string& type() const { return type_; }
  // "iss" as claimed, to choose whose keys to fetch. Trust nothing else before verification.
  std::string claimed_issuer() const;

 private:
  friend class Verifier;
  UnverifiedJwt() = default;
  crypto::Algorithm algorithm_{};
  std::string kid_, type_, signing_input_, signature_;
  text::Json claims_;
};

class VerifiedJwt {
 public:
  const text::Json& claims() const { return claims_; }
  const std::string& type() const { return type_; }
  const std::string* string_claim(std::string_view name) const { return claims_.find_string(name); }
  std::optional<WallTime> time_claim(std::string_view name) const;
  std::vector<std::string> audience() const;

 private:
  friend class Verifier;
  VerifiedJwt() = default;
  text::Json claims_;
  std::string type_;
};

struct Expectations {
  std::string issuer;                         // byte-equal to "iss"
  std::string audience;                       // contained in "aud"; empty: "aud" isn't looked at
  std::vector<crypto::Algorithm> algorithms;  // allowed ones; empty: all nine
  std::vector<std::string>
      types;          // allowed "typ" (case-insensitive, "application/" dropped); empty: any
  Seconds leeway{0};  // for exp, nbf and iat
  bool allow_expired = false;  // id_token_hint (OpenID Connect RP-Initiated Logout §2)
  bool require_expiry = true;
  std::optional<std::string> nonce;       // must equal "nonce"
  std::optional<Seconds> max_age_of_iat;  // logout tokens
};

class Verifier {
 public:
  // Order: key, signature, then claims; the first that fails is the error. Signature errors say
  // nothing of the claims.
  static Result<VerifiedJwt> verify(const UnverifiedJwt& token, const JwkSet& keys,
                                    const Expectations& expected, WallTime now);
};

// A prepared signer: header bytes are encoded once. Immutable; thread-safe.
class Signer {
 public:
  Signer(crypto::PrivateKey key, crypto::Algorithm algorithm, std::string kid);

  // `claims` is the payload's JSON text. `type`: "JWT", "logout+jwt", ...
  std::string sign(std::string_view claims, std::string_view type = "JWT") const;
  const std::string& kid() const { return kid_; }
  crypto::Algorithm algorithm() const { return algorithm_; }

 private:
  crypto::PrivateKey key_;
  crypto::Algorithm algorithm_;
  std::string kid_;
  std::string jwt_header_;  // encoded, for type "JWT"
};

// at_hash of `access_token` for a token signed with `algorithm` (OpenID Connect Core §3.1.3.6).
std::string half_hash(std::string_view access_token, crypto::Algorithm algorithm);

}  // namespace openunison::jose
