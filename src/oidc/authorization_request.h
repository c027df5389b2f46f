// SPDX-License-Identifier: Apache-2.0
//
// An authorization request, parsed and validated without looking at any session (OpenID Connect
// Core §3.1.2.1, RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 9700 §2.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "oidc/client.h"
#include "oidc/error.h"

namespace openunison::oidc {

struct AuthorizationRequest {
  const Client* client;
  std::string redirect_uri, state, scope, nonce, challenge, login_hint, id_token_hint;
  bool prompt_none = false, prompt_login = false;
  std::optional<Seconds> max_age;
};

// What may be sent back to the client's registered redirect address.
struct RedirectableError {
  std::string redirect_uri, state;
  OAuthError error;
};

// Error: for the person only, since client or redirect address can't be trusted.
using ParsedAuthorization = std::variant<AuthorizationRequest, RedirectableError, Error>;
ParsedAuthorization parse_authorization(const text::Form& parameters, const Clients& clients);

}  // namespace openunison::oidc
