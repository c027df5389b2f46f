// SPDX-License-Identifier: Apache-2.0
#include "jose/error.h"

#include <iterator>

namespace openunison::jose {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {
      "malformed",  "bad_algorithm", "critical_header", "unknown_key", "bad_signature",
      "wrong_type", "wrong_issuer",  "wrong_audience",  "expired",     "not_yet_valid",
      "bad_claim",  "bad_nonce",     "keys_unavailable"};
  static const ErrorCategory kCategory("jose", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::jose
