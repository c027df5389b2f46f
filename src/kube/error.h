// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::kube {

enum class Errc {
  no_file = 1,  // nothing names a kubeconfig
  broken,       // no kubeconfig, or one that kubectl wouldn't read
  too_big,      // over a bound on bytes, depth or values
  unreadable,   // it is there, and can't be read
  locked,       // another process holds the lock
  read_only,    // the file or its folder is
  not_written,  // disk full, a loop of links, ...
  bad_entry,    // what was to be written can't be
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::kube

template <>
struct std::is_error_code_enum<openunison::kube::Errc> : std::true_type {};
