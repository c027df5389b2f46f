// SPDX-License-Identifier: Apache-2.0
#include "session/error.h"

namespace openunison::session {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"no_session",  "bad_token",        "beyond_scope",
                                           "stale_token", "already_redeemed", "upstream_stale",
                                           "gone",        "not_allowed",      "bad_attempt",
                                           "bad_csrf",    "token_too_large",  "unknown_provider"};
  static const ErrorCategory kCategory("session", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::session
