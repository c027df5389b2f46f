// SPDX-License-Identifier: Apache-2.0
#include "text/error.h"

#include <iterator>

namespace openunison::text {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"bad_json", "bad_yaml",   "bad_url",
                                           "bad_form", "bad_cookie", "bad_template"};
  static const ErrorCategory kCategory("text", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::text
