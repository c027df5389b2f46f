// SPDX-License-Identifier: Apache-2.0
#include "net/error.h"

#include <iterator>

namespace openunison::net {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {
      "timed_out", "closed",    "refused", "unresolved", "tls_failed",
      "untrusted", "cancelled", "busy",    "io",         "bad_certificate"};
  static const ErrorCategory kCategory("net", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

}  // namespace openunison::net
