// SPDX-License-Identifier: Apache-2.0
#include "jose/eviction_token.h"

#include "base/base64.h"
#include "text/json.h"

namespace openunison::jose {
namespace {

// As long as one of RSA-2048; nobody gets so far as to look at it.
constexpr std::size_t kSignatureBytes = 256;

}  // namespace

EvictionToken make_eviction_token(std::string_view issuer, std::string_view audience,
                                  crypto::Algorithm algorithm, crypto::Random& random,
                                  WallTime now) {
  EvictionToken made{{}, "eviction-" + random.token(16), now + kEvictionTokenLife};
  std::string header, claims;
  text::JsonWriter(header)
      .begin_object()
      .member("alg", crypto::name(algorithm))
      .member("typ", "JWT")
      .member("kid", made.kid)
      .end_object();
  text::JsonWriter(claims)
      .begin_object()
      .member("iss", issuer)
      .member("aud", audience)
      .member("exp", unix_seconds(made.expires_at))
      .member("iat", unix_seconds(now))
      .member("token_use", "eviction")
      .end_object();
  made.token = base64url_encode(header) + '.' + base64url_encode(claims) + '.' +
               base64url_encode(random.bytes(kSignatureBytes));
  return made;
}

}  // namespace openunison::jose
