// SPDX-License-Identifier: Apache-2.0
//
// An authorization request, parsed and validated without looking at any session (OpenID Connect
// Core §3.1.2.1, RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 9700 §2.1, OAuth 2.0 Form Post Response Mode).
// Pure. Accepted without effect: display, ui_locales, claims_locales, and whatever else it names.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "oidc/claims_parameter.h"
#include "oidc/client.h"
#include "oidc/error.h"

namespace openunison::oidc {

enum class ResponseMode { query, form_post };

// Where an answer goes, and how: all that is needed for it once client and address are known.
struct ReturnAddress {
  const Client* client = nullptr;
  std::string redirect_uri, state;
  ResponseMode mode = ResponseMode::query;
  std::string pushed;  // the request_uri that it came by (RFC 9126); empty: none
};

struct AuthorizationRequest {
  ReturnAddress to;
  std::string scope;  // what will be granted, as of session/claims.h
  std::string nonce, challenge, login_hint, id_token_hint, acr_values;
  RequestedClaims claims;
  bool prompt_none = false, prompt_login = false, prompt_consent = false,
       prompt_select_account = false;
  std::optional<Seconds> max_age;

  const Client& client() const { return *to.client; }
};

// What may be sent back to the client's registered redirect address.
struct RedirectableError {
  ReturnAddress to;
  OAuthError error;
};

// Error: for the person only, since client or redirect address can't be trusted.
using ParsedAuthorization = std::variant<AuthorizationRequest, RedirectableError, Error>;
ParsedAuthorization parse_authorization(const text::Form& parameters, const Clients& clients);

}  // namespace openunison::oidc
