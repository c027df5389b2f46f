// SPDX-License-Identifier: Apache-2.0
#include "crypto/error.h"

#include <iterator>

namespace openunison::crypto {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {
      "bad_key",           "bad_signature",    "bad_seal", "bad_certificate",
      "bad_password_hash", "wrong_passphrase", "library"};
  static const ErrorCategory kCategory("crypto", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::crypto
