// SPDX-License-Identifier: Apache-2.0
#include "oidc/error.h"

#include "session/bearer.h"
#include "session/error.h"
#include "store/error.h"

namespace openunison::oidc {

std::error_code make_error_code(Errc code) {
  static constexpr const char* kTexts[] = {"bad_client", "request_too_long", "malformed_request",
                                           "too_many"};
  static const ErrorCategory kCategory("oidc", kTexts, std::size(kTexts));
  return {static_cast<int>(code), kCategory};
}

OAuthError oauth_error(const Error& error) {
  using session::Errc;
  if (error.is(Errc::not_allowed) || error.is(Errc::token_too_large))
    return {"access_denied", error.message(), 403};
  for (const Errc code :
       {Errc::no_session, Errc::bad_token, Errc::stale_token, Errc::already_redeemed, Errc::gone}) {
    if (error.is(code)) return {"invalid_grant", error.message(), 400};
  }
  if (error.is(Errc::beyond_scope)) return {"invalid_scope", error.message(), 400};
  if (error.is(Errc::upstream_stale)) return {"temporarily_unavailable", error.message(), 503};
  if (error.is(store::Errc::unavailable) || error.is(store::Errc::full)) {
    return {"temporarily_unavailable", "sessions can not be read or written at the moment", 503};
  }
  return {"server_error", "the request could not be answered", 500};
}

http::Response to_response(const OAuthError& error) {
  return session::error_answer(error.status, error.code, error.description);
}

}  // namespace openunison::oidc
