// SPDX-License-Identifier: Apache-2.0
#include "identity/error.h"

#include <iterator>

namespace openunison::identity {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {
      "unreachable",    "denied",    "interaction_required", "bad_response", "clock",
      "wrong_password", "throttled", "not_allowed",          "bad_name",     "groups_overage",
      "gone",           "too_big",   "bad_users_file",       "busy"};
  static const ErrorCategory kCategory("identity", kTexts, static_cast<int>(std::size(kTexts)));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::identity
