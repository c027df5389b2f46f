// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of a TCP socket. A file of its own, since Linux's header, which knows more
// than the C library's, can't stand beside that.
#pragma once

#include <cstdint>

namespace openunison::net::testing {

// Segments with data that were sent so far.
std::uint32_t segments_sent(int socket);

}  // namespace openunison::net::testing
