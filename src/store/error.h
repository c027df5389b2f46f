// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::store {

enum class Errc {
  not_found = 1,  // no such row, or it is over
  conflict,       // compare-and-swap lost
  already_used,   // a code was redeemed before
  full,           // a bound on rows
  unavailable,    // disk full, I/O error, locked, corrupt: nothing was changed
  bad_database,   // not ours, or newer than this program
  in_use,         // another process has it
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::store

template <>
struct std::is_error_code_enum<openunison::store::Errc> : std::true_type {};
