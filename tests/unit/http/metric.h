// SPDX-License-Identifier: Apache-2.0
//
// What a test reads off the metrics page.
#pragma once

#include <string>

#include "base/metrics.h"

namespace openunison::http::testing {

// The value of the line of `series`, which is written with its labels; 0 where there is none.
inline double metric(const std::string& series) {
  const std::string page = metrics::expose();
  const std::size_t at = page.find(series + " ");
  return at == std::string::npos ? 0 : std::stod(page.substr(at + series.size() + 1));
}

}  // namespace openunison::http::testing
