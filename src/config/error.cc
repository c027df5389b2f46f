// SPDX-License-Identifier: Apache-2.0
#include "config/error.h"

#include <iterator>

namespace openunison::config {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"bad_values", "bad_argument"};
  static const ErrorCategory kCategory("config", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::config
