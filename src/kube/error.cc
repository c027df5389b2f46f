// SPDX-License-Identifier: Apache-2.0
#include "kube/error.h"

#include <iterator>

namespace openunison::kube {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"no_file", "broken",    "too_big",     "unreadable",
                                           "locked",  "read_only", "not_written", "bad_entry"};
  static const ErrorCategory kCategory("kube", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::kube
