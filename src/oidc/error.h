// SPDX-License-Identifier: Apache-2.0
//
// Errors of the provider: OAuth's codes (RFC 6749 §4.1.2.1, §5.2; OpenID Connect Core §3.1.2.6),
// and the one place where other modules' errors become them.
#pragma once

#include <string>

#include "base/error.h"
#include "http/message.h"

namespace openunison::oidc {

enum class Errc {
  bad_client =
      1,  // unknown client_id or a redirect_uri that isn't registered: shown, never redirected
  request_too_long,   // an authorization request that must wait for a sign-in is over the limit
  malformed_request,  // shown: nothing in it can be trusted
  too_many,           // a bound on what is kept was reached
};
std::error_code make_error_code(Errc code);

struct OAuthError {
  std::string code;         // "invalid_grant", ...
  std::string description;  // ASCII without quotes and backslashes (RFC 6749 §5.2)
  int status = 400;
};

// invalid_grant, access_denied, temporarily_unavailable or server_error.
OAuthError oauth_error(const Error& error);
// {"error":...,"error_description":...} with no-store.
http::Response to_response(const OAuthError& error);

}  // namespace openunison::oidc

template <>
struct std::is_error_code_enum<openunison::oidc::Errc> : std::true_type {};
