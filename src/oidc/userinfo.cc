// SPDX-License-Identifier: Apache-2.0
//
// UserInfo (OpenID Connect Core §5.3): access token in the header (RFC 6750 §2.1) or in a POSTed
// form (§2.2), never in the address.
#include "oidc/provider_impl.h"
#include "session/claims.h"
#include "text/json.h"
#include "text/utf8.h"

namespace openunison::oidc {
namespace {

http::Response challenge(int status, std::string_view error, std::string_view description) {
  http::Response response = to_response({std::string(error), std::string(description), status});
  std::string value = "Bearer realm=\"userinfo\"";
  if (!error.empty()) {
    value += ", error=\"" + std::string(error) + "\", error_description=\"" +
             std::string(description) + "\"";
  }
  response.headers.add("www-authenticate", std::move(value));
  return response;
}

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
  constexpr std::string_view kScheme = "bearer ";
  const auto header = request.headers.unique("authorization");
  if (!header) co_return challenge(400, "invalid_request", "Authorization is given more than once");
  std::string token;
  if (*header) {
    if (header->value().size() <= kScheme.size() ||
        !text::iequals_ascii(header->value().substr(0, kScheme.size()), kScheme)) {
      co_return challenge(401, "invalid_token", "Authorization must be a Bearer token");
    }
    token = header->value().substr(kScheme.size());
  } else if (request.method == "POST") {
    auto form = co_await read_form(request);
    if (!form) co_return challenge(400, "invalid_request", "the body is not a valid form");
    token = form->value("access_token");
  }
  if (token.empty()) co_return challenge(401, "", "");

  auto opened = co_await sessions.open_access_token(std::move(token));
  if (!opened) {
    const OAuthError error = oauth_error(opened.error());
    if (error.status >= 500) co_return to_response(error);
    co_return challenge(401, "invalid_token",
                        "the access token is not valid, has expired, or its session is over");
  }
  const auto& [access, current] = *opened;
  if (access.issuer != options.issuer) {
    co_return challenge(401, "invalid_token", "the access token is of another issuer");
  }
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  response.body = claims_of(current.principal, access.scope);
  co_return response;
}

}  // namespace openunison::oidc
