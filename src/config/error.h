// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::config {

enum class Errc {
  bad_values = 1,  // the file has errors; they were listed
  bad_argument,
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::config

template <>
struct std::is_error_code_enum<openunison::config::Errc> : std::true_type {};
