// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/limits.h"

namespace openunison::http::testing {

// Small, so that the cases over them are small.
inline Limits case_limits() {
  Limits limits;
  limits.target_bytes = 200;
  limits.header_bytes = 1200;
  limits.header_count = 20;
  limits.body_bytes = 1000;
  return limits;
}

}  // namespace openunison::http::testing
