// SPDX-License-Identifier: Apache-2.0
//
// UserInfo (OpenID Connect Core §5.3): access token in the header (RFC 6750 §2.1) or in a POSTed
// form (§2.2), never in the address.
#include "oidc/provider_impl.h"
#include "session/bearer.h"
#include "session/claims.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

std::string claims_of(const identity::Principal& principal, std::string_view granted) {
  std::string out;
  text::JsonWriter writer(out);
  writer.begin_object().member("sub", principal.user);
  session::write_claims(writer, principal, granted, session::Place::userinfo);
  writer.end_object();
  return out;
}

}  // namespace

Task<http::Response> Provider::Impl::userinfo(http::Request& request) {
  session::BearerRule rule{"userinfo", options.issuer, {}};
  auto token = session::bearer_token(request, rule.realm);
  if (!token) co_return std::move(token.error());
  if (token->empty() && request.method == "POST") {
    auto form = co_await read_form(request);
    if (!form) {
      co_return session::bearer_challenge(rule.realm, 400, "invalid_request",
                                          "the body is not a valid form");
    }
    token = form->value("access_token");
  }
  auto bearer = co_await session::open_bearer(sessions, std::move(*token), std::move(rule));
  if (!bearer) co_return std::move(bearer.error());
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  response.body = claims_of(bearer->current.principal, bearer->token.scope);
  co_return response;
}

}  // namespace openunison::oidc
