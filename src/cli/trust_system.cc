// SPDX-License-Identifier: Apache-2.0
//
// macOS and Windows, which are asked for their authorities when the first connection is made
// (net/system_roots.h).
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/error.h"
#include "cli/trust.h"

namespace openunison::cli {

Result<void> find_trusted_authorities(const Environment& environment) {
  const std::string file(environment.variable("SSL_CERT_FILE"));
  if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
    return fail(Errc::untrusted, "SSL_CERT_FILE=" + file + ": " + std::strerror(errno));
  return {};
}

}  // namespace openunison::cli
