// SPDX-License-Identifier: Apache-2.0
#include "cli/error.h"

#include <iterator>

namespace openunison::cli {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {
      "bad_argument",   "unreachable",    "untrusted",     "not_a_portal",
      "bad_answer",     "session_over",   "access_denied", "authorization_pending",
      "slow_down",      "expired",        "no_cluster",    "state",
      "busy",           "sign_in_needed", "nobody_to_ask", "keyring",
      "keyring_locked", "bad_token_file", "token_refused"};
  static const ErrorCategory kCategory("cli", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::cli
