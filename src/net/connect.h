// SPDX-License-Identifier: Apache-2.0
//
// Outgoing connections. Names resolve on the runtime's resolver threads; addresses are tried in
// turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"

namespace openunison::net {

// Addresses of `host` (itself if it is one). Errors: unresolved, timed_out.
Task<Result<std::vector<std::string>>> resolve(std::string host, Deadline deadline);
Task<Result<std::unique_ptr<Stream>>> connect_tcp(std::string host, std::uint16_t port,
                                                  Deadline deadline);
Task<Result<std::unique_ptr<Stream>>> connect_unix(std::string path, Deadline deadline);

}  // namespace openunison::net
