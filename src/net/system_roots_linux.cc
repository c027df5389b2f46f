// SPDX-License-Identifier: Apache-2.0
//
// Files: OpenSSL knows where, or is told by the two variables.
#include "net/system_roots.h"

namespace openunison::net {

void add_system_roots(SSL_CTX* context) {
  SSL_CTX_set_default_verify_paths(context);
}

}  // namespace openunison::net
