// SPDX-License-Identifier: Apache-2.0
//
// Which authorities this machine trusts. A static program's OpenSSL looks where Debian keeps them;
// elsewhere it must be told. One file per system.
#pragma once

#include "base/result.h"
#include "cli/environment.h"

namespace openunison::cli {

// Call once, before the first TLS connection and any thread. SSL_CERT_FILE and SSL_CERT_DIR are
// honoured; with neither, the system's bundle is looked for in its usual places. Error: untrusted,
// where SSL_CERT_FILE can't be read.
Result<void> find_trusted_authorities(const Environment& environment);

}  // namespace openunison::cli
