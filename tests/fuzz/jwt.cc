// SPDX-License-Identifier: Apache-2.0
//
// Tokens of strangers: nothing that isn't signed by our key is ever taken. The seeds hold tokens of
// other keys.
#include "jose/jwt.h"

#include "crypto/random.h"
#include "fuzz.h"

using namespace openunison;

namespace {

jose::JwkSet our_keys() {
  std::vector<jose::Jwk> keys;
  crypto::SystemRandom random;
  keys.push_back(
      {crypto::PrivateKey::generate(crypto::Algorithm::es256)->public_key(), "ours", std::nullopt});
  keys.push_back(
      {crypto::PrivateKey::generate(crypto::Algorithm::rs256)->public_key(), "", std::nullopt});
  return jose::JwkSet(std::move(keys));
}

}  // namespace

FUZZ(text) {
  static const jose::JwkSet kKeys = our_keys();
  const auto token = jose::UnverifiedJwt::parse(text);
  if (!token) return;
  static_cast<void>(token->claimed_issuer());
  jose::Expectations any;
  any.issuer = token->claimed_issuer();
  any.require_expiry = false;
  any.allow_expired = true;
  MUST(!jose::Verifier::verify(*token, kKeys, any, SystemClock().now()));
}
