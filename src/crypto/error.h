// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::crypto {

enum class Errc {
  bad_key = 1,    // not a key, or of a kind, size or curve that is not accepted
  bad_signature,  // well-formed and wrong
  bad_seal,       // not sealed by us for this purpose, or tampered with
  bad_certificate,
  bad_password_hash,
  wrong_passphrase,
  library,  // OpenSSL failed where it should not
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::crypto

template <>
struct std::is_error_code_enum<openunison::crypto::Errc> : std::true_type {};
