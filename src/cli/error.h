// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::cli {

enum class Errc {
  bad_argument = 1,       // what the person typed can't be used
  unreachable,            // the portal can't be reached; the message says why
  untrusted,              // its certificate doesn't verify
  not_a_portal,           // something else answers there, or one that is too new for us
  bad_answer,             // the portal answered what this program can't use
  session_over,           // the portal says invalid_grant or invalid_token: sign in again
  access_denied,          // the person or the portal said no
  authorization_pending,  // RFC 8628 §3.5
  slow_down,              // RFC 8628 §3.5
  expired,                // a device code or a sign-in that took too long
  no_cluster,             // none of that name, or none at all
  state,                  // a file of ours can't be read or written
  busy,                   // another process held a lock for too long
  sign_in_needed,         // there is none, or it is over
  nobody_to_ask,          // a sign-in isn't possible here
  keyring,                // it isn't there, or doesn't answer; nothing is lost by that
  keyring_locked,         // it is there, and opens when the person signs in to it
  bad_token_file,         // the file of --token-file can't be used
  token_refused,          // the portal doesn't take the token that was in it
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::cli

template <>
struct std::is_error_code_enum<openunison::cli::Errc> : std::true_type {};
