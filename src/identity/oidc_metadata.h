// SPDX-License-Identifier: Apache-2.0
//
// What a provider says of itself (OpenID Connect Discovery 1.0 §3, RFC 8414), checked, or what
// values.yaml says of it where there is no discovery. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/values.h"
#include "text/url.h"

namespace openunison::identity {

struct Metadata {
  std::string issuer;  // as the provider writes it; empty without discovery: ID tokens can't be
                       // verified then
  std::string authorization_endpoint, end_session_endpoint;
  text::Url token_endpoint;
  std::optional<text::Url> userinfo_endpoint, jwks_uri;
  bool secret_in_body = false;  // client_secret_post, because client_secret_basic isn't offered
  bool iss_parameter_supported = false;  // RFC 9207 §3

  bool verifies_id_tokens() const { return !issuer.empty() && jwks_uri.has_value(); }
};

// Where the document is: "{issuer without one trailing slash}/.well-known/openid-configuration".
Result<text::Url> discovery_url(const std::string& issuer);

// The document, whose issuer must be the one in values, but for one trailing slash. `pinned`: the
// issuer of an earlier reading; must be the same again, byte for byte. Endpoints must be https
// without fragment; the URLs that values give come before those of the document. Error:
// unreachable.
Result<Metadata> parse_metadata(std::string_view document, const config::IdentityProvider& settings,
                                std::string_view pinned);
// Without an issuer. Error: unreachable.
Result<Metadata> manual_metadata(const config::IdentityProvider& settings);

// The issuer that a token must name. Usually the metadata's; for Entra's shared metadata, whose
// issuer has "{tenantid}" in it, that of the allowed tenant which the token claims (nullopt: of no
// allowed one); for Google also its old form without scheme.
std::optional<std::string> expected_issuer(const Metadata& metadata,
                                           const config::IdentityProvider& settings,
                                           const std::string& claimed);

}  // namespace openunison::identity
