// SPDX-License-Identifier: Apache-2.0
//
// JSON Web Keys (RFC 7517): public keys in and out. Private members of a JWK are never written and
// make a JWK refused when read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/key.h"
#include "text/json.h"

namespace openunison::jose {

struct Jwk {
  crypto::PublicKey key;
  std::string kid;                             // may be empty
  std::optional<crypto::Algorithm> algorithm;  // "alg"
};

// RFC 7638, SHA-256, base64url.
std::string thumbprint(const crypto::PublicKey& key);
// {"kty":...,"use":"sig","alg":...,"kid":...,...}
text::Json to_json(const Jwk& jwk);
Result<Jwk> parse_jwk(const text::Json& json);

// A set of keys to verify with (RFC 7517 §5). Immutable.
class JwkSet {
 public:
  JwkSet() = default;
  explicit JwkSet(std::vector<Jwk> keys) : keys_(std::move(keys)) {}
  // Keys that we can't use (oct, use=enc, unknown kty/crv, too small) are skipped, as §5 says; a
  // repeated kid and more than 64 keys are refused; text ≤ 256 KiB. Error: malformed.
  static Result<JwkSet> parse(std::string_view text);

  // The keys that `kid` and `algorithm` allow; without kid: all that fit the algorithm.
  std::vector<const Jwk*> candidates(std::string_view kid, crypto::Algorithm algorithm) const;
  bool has_kid(std::string_view kid) const;
  const std::vector<Jwk>& keys() const { return keys_; }
  std::string dump() const;

 private:
  std::vector<Jwk> keys_;
};

}  // namespace openunison::jose
