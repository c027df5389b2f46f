// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::jose {

enum class Errc {
  malformed = 1,    // not a compact JWS / JWK / JWKS of the form that we read
  bad_algorithm,    // none, HS*, unknown, or not allowed here
  critical_header,  // "crit" present
  unknown_key,      // no key with that kid (or several without kid)
  bad_signature,
  wrong_type,  // "typ" is not one that was asked for
  wrong_issuer,
  wrong_audience,
  expired,
  not_yet_valid,
  bad_claim,  // a claim missing or of the wrong JSON type
  bad_nonce,
  keys_unavailable,  // the key ring can't be read or written
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::jose

template <>
struct std::is_error_code_enum<openunison::jose::Errc> : std::true_type {};
