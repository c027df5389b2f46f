// SPDX-License-Identifier: Apache-2.0
//
// Tokens of strangers: nothing that isn't signed by our key is ever taken. The seeds hold tokens of
// other keys. An input of two lines is a header and claims that aren't encoded yet, so that
// mutations reach what is behind the encoding: once as a stranger's token, and with the claims
// signed by our key, where what is taken must be what was expected.
#include "jose/jwt.h"

#include <algorithm>

#include "base/base64.h"
#include "fuzz.h"

using namespace openunison;

namespace {

const crypto::PrivateKey& our_key() {
  static const crypto::PrivateKey kKey = *crypto::PrivateKey::generate(crypto::Algorithm::es256);
  return kKey;
}

jose::JwkSet our_keys() {
  std::vector<jose::Jwk> keys;
  keys.push_back({our_key().public_key(), "ours", std::nullopt});
  keys.push_back(
      {crypto::PrivateKey::generate(crypto::Algorithm::rs256)->public_key(), "", std::nullopt});
  return jose::JwkSet(std::move(keys));
}

const jose::JwkSet& keys() {
  static const jose::JwkSet kKeys = our_keys();
  return kKeys;
}

// The laxest that one can expect: only the signature is left.
jose::Expectations anything(const jose::UnverifiedJwt& token) {
  jose::Expectations any;
  any.issuer = token.claimed_issuer();
  any.require_expiry = false;
  any.allow_expired = true;
  return any;
}

void refuse(std::string_view compact) {
  const auto token = jose::UnverifiedJwt::parse(compact);
  if (!token) return;
  MUST(!jose::Verifier::verify(*token, keys(), anything(*token), SystemClock().now()));
}

void verify_ours(std::string_view claims) {
  static const jose::Signer kSigner(our_key(), crypto::Algorithm::es256, "ours");
  const auto token = jose::UnverifiedJwt::parse(kSigner.sign(claims));
  if (!token) return;
  MUST(token->kid() == "ours" && token->type() == "JWT");
  jose::Expectations strict;
  strict.issuer = "i";
  strict.audience = "a";
  const WallTime now = SystemClock().now();
  const auto verified = jose::Verifier::verify(*token, keys(), strict, now);
  if (!verified) return;
  const auto audience = verified->audience();
  const std::string* issuer = verified->string_claim("iss");
  const auto expiry = verified->time_claim("exp");
  MUST(issuer != nullptr && *issuer == "i" && token->claimed_issuer() == "i");
  MUST(std::find(audience.begin(), audience.end(), "a") != audience.end());
  MUST(expiry && *expiry > now);
  MUST(jose::Verifier::verify(*token, keys(), anything(*token), now));
}

}  // namespace

FUZZ(text) {
  refuse(text);
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return;
  const std::string_view claims = text.substr(line_end + 1);
  refuse(base64url_encode(text.substr(0, line_end)) + "." + base64url_encode(claims) + "." +
         base64url_encode(std::string(64, 'x')));
  verify_ours(claims);
}
