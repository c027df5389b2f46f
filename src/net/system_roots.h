// SPDX-License-Identifier: Apache-2.0
//
// The authorities that this machine trusts. One file per system: system_roots_linux.cc, _macos.cc,
// _windows.cc. Private to net/.
#pragma once

#include <openssl/ssl.h>

namespace openunison::net {

// Adds them to what `context` trusts. SSL_CERT_FILE and SSL_CERT_DIR, where one is set, take the
// place of the system's own. What can't be read isn't trusted.
void add_system_roots(SSL_CTX* context);

}  // namespace openunison::net
