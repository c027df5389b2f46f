// SPDX-License-Identifier: Apache-2.0
//
// For tests: whether OpenSSL's error queue of this thread is empty. An entry left behind by crypto/
// would be taken for a failure of the next TLS call on the thread.
#pragma once

#include <openssl/err.h>

namespace openunison::crypto {

inline bool error_queue_is_empty() {
  return ERR_peek_error() == 0;
}

}  // namespace openunison::crypto
