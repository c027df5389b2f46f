// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::text {

enum class Errc {
  bad_json = 1,
  bad_yaml,
  bad_url,
  bad_form,
  bad_cookie,
  bad_template,
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::text

template <>
struct std::is_error_code_enum<openunison::text::Errc> : std::true_type {};
