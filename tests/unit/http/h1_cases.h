// SPDX-License-Identifier: Apache-2.0
//
// Requests as bytes and what becomes of them: one table for the parser alone and for a whole
// connection, each run whole and split at every byte.
#pragma once

#include "h1_framing_cases.h"
#include "h1_head_cases.h"

namespace openunison::http::testing {

inline const std::vector<Case>& all_cases() {
  static const std::vector<Case> kAll = [] {
    std::vector<Case> all;
    for (auto part : {request_line_cases(), target_cases(), host_cases(), field_cases(),
                      length_cases(), chunk_cases()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace openunison::http::testing
