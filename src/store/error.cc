// SPDX-License-Identifier: Apache-2.0
#include "store/error.h"

#include <iterator>

namespace openunison::store {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"not_found",   "conflict",     "already_used", "full",
                                           "unavailable", "bad_database", "in_use"};
  static const ErrorCategory kCategory("store", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::store
