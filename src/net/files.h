// SPDX-License-Identifier: Apache-2.0
//
// How many files the process may have open, and what that leaves for connections.
#pragma once

#include <cstddef>

namespace openunison::net {

// Raises the soft limit to the hard one (RLIMIT_NOFILE). What may be open now.
std::size_t raise_open_files();

// Of `open_files`, how many connections may be taken when `wanted` are; the rest is for listeners,
// the store, upstreams and reading files. At least 1.
std::size_t connections_that_fit(std::size_t open_files, std::size_t wanted);

}  // namespace openunison::net
