// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::session {

enum class Errc {
  no_session = 1,    // no such session, or it is over
  bad_token,         // not a refresh or access token of ours, or of another client
  beyond_scope,      // asks for more than was granted
  stale_token,       // a refresh token from outside the grace window
  already_redeemed,  // a code's second use; what it opened has been ended
  upstream_stale,  // the provider could not confirm the person for longer than upstream_stale_limit
  gone,            // the provider says that the person no longer stands; the sign-in was ended
  not_allowed,     // az_groups say no; the message names the groups wanted
  bad_attempt,     // no sign-in was started in this browser, or it is too old, or used
  bad_csrf,
  token_too_large,  // an ID token over 8 KiB; the message says how many groups and bytes
  unknown_provider,
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::session

template <>
struct std::is_error_code_enum<openunison::session::Errc> : std::true_type {};
