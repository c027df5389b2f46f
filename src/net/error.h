// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::net {

enum class Errc {
  timed_out = 1,    // the deadline passed
  closed,           // the peer closed (cleanly or not) where more was expected
  refused,          // connect failed
  unresolved,       // no address for the name
  tls_failed,       // handshake failed, for another reason than the next
  untrusted,        // the peer's certificate doesn't verify; the message says why
  cancelled,        // we are shutting down
  busy,             // a bounded queue is full
  io,               // anything else the system said
  bad_certificate,  // a certificate or key file of ours can't be used
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::net

template <>
struct std::is_error_code_enum<openunison::net::Errc> : std::true_type {};
