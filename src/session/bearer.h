// SPDX-License-Identifier: Apache-2.0
//
// Requests that come with an access token instead of a cookie (RFC 6750): reading the token, what
// stands behind it, and the refusals (§3). Shared by the provider's userinfo and the portal's
// endpoints for programs. Nothing here looks at cookies.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "http/message.h"
#include "session/sessions.h"

namespace openunison::session {

// What isn't printable ASCII, and quotes and backslashes, as ' (RFC 6749 §5.2).
std::string error_text(std::string_view description);

// {"error":...,"error_description":...} with no-store, of error_text(description).
http::Response error_answer(int status, std::string_view error, std::string_view description);

// The same with a WWW-Authenticate of `realm`. An empty `error`: nothing was tried, and the field
// names the realm alone (§3.1).
http::Response bearer_challenge(std::string_view realm, int status, std::string_view error,
                                std::string_view description);

// The token in Authorization (§2.1); "" where there is no such field. Else the refusal.
std::expected<std::string, http::Response> bearer_token(const http::Request& request,
                                                        std::string_view realm);

// Whose tokens are taken, and the realm of refusals.
struct BearerRule {
  std::string realm;
  std::string issuer;
  std::string client_id;  // empty: any of the issuer's clients
};
struct Bearer {
  AccessToken token;
  Current current;
};
// Else the refusal: 401, or 503 and 500 where the store can't tell.
Task<std::expected<Bearer, http::Response>> open_bearer(Sessions& sessions, std::string token,
                                                        BearerRule rule);

}  // namespace openunison::session
