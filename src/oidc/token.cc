// SPDX-License-Identifier: Apache-2.0
//
// The token endpoint (RFC 6749 §3.2): client authentication, then one file per grant. The answer
// always has a new ID token, which kubectl's built-in provider insists on.
#include "base/log.h"
#include "oidc/provider_impl.h"
#include "session/claims.h"
#include "text/json.h"

namespace openunison::oidc {

// The ID token says itself when it ends; `expires_in` is the access token's (RFC 6749 §5.1).
constexpr Seconds kMaxAccessTokenLife{300};

Task<http::Response> Provider::Impl::token(http::Request& request) {
  const session::Caller caller = session::caller_of(request);
  if (!request.query.empty()) {
    co_return refused(
        nullptr, {"invalid_request", "parameters belong into the body, not into the address", 400},
        caller);
  }
  auto form = co_await read_form(request);
  if (!form) co_return refused(nullptr, form.error(), caller);

  auto client = clients.authenticate(request, *form);
  if (!client) {
    http::Response response = refused(nullptr, client.error(), caller);
    if (response.status == 401) response.headers.add("www-authenticate", "Basic realm=\"token\"");
    co_return response;
  }
  const std::string_view grant = form->value("grant_type");
  if (grant == "authorization_code")
    co_return co_await authorization_code_grant(**client, *form, caller);
  if (grant == "refresh_token") co_return co_await refresh_token_grant(**client, *form, caller);
  if (grant == kDeviceCodeGrant) co_return co_await device_code_grant(**client, *form, caller);
  if (grant == kTokenExchangeGrant)
    co_return co_await token_exchange_grant(**client, *form, caller);
  if (grant == kPasswordGrant) {
    const bool from_browser =
        request.headers.contains("origin") || request.headers.contains("sec-fetch-site");
    co_return co_await password_grant(**client, *form, from_browser, caller);
  }
  if (grant.empty())
    co_return refused(*client, {"invalid_request", "grant_type is missing", 400}, caller);
  co_return refused(*client,
                    {"unsupported_grant_type",
                     "use authorization_code, refresh_token, the device code grant or token "
                     "exchange",
                     400},
                    caller);
}

Task<http::Response> Provider::Impl::token_response(const Client& client,
                                                    session::Sessions::Family family,
                                                    std::string scope, std::string nonce,
                                                    std::string grant_type, session::Caller caller,
                                                    std::string issued_token_type) {
  const session::Current& current = family.current;
  if (auto allowed = check_access(client, current.principal); !allowed) {
    store::Selector selector;
    selector.session = current.live.session.id;
    co_await sessions.end(std::move(selector), "no_longer_allowed", caller);
    co_return refused(&client, {"invalid_grant", allowed.error().message(), 400}, caller);
  }

  const Seconds life = sessions.values().authentication.token_life;
  const Seconds access_life = std::min(life, kMaxAccessTokenLife);
  session::AccessToken access;
  access.session = current.live.session.id;
  access.client_id = client.id;
  access.scope = scope;
  access.issuer = options.issuer;
  access.expires_at = now() + access_life;
  const std::string access_token = sessions.seal_access_token(access);

  session::IdTokenRequest id_request;
  id_request.issuer = options.issuer;
  id_request.audience = client.id;
  id_request.nonce = nonce;
  id_request.scope = scope;
  id_request.access_token = access_token;
  id_request.life = life;
  const auto snapshot = keys.snapshot();
  auto id_token = session::issue_id_token(id_request, current.principal, current.live,
                                          *snapshot->signer, sessions.random(), now());
  if (!id_token) co_return refused(&client, oauth_error(id_token.error()), caller);

  count_token(client, grant_type);
  log::audit("token", {{"user", current.principal.user},
                       {"provider", current.principal.provider},
                       {"client", client.id},
                       {"grant", grant_type},
                       {"session", current.live.session.id.text()},
                       {"jti", id_token->jti},
                       {"kid", snapshot->signer->kid()},
                       {"address", caller.address},
                       {"request", caller.request_id},
                       {"trace", caller.trace.trace_id()}});
  http::Response response;
  response.headers = {
      {"content-type", "application/json"}, {"cache-control", "no-store"}, {"pragma", "no-cache"}};
  response.body.reserve(id_token->token.size() + access_token.size() + 512);
  text::JsonWriter writer(response.body);
  writer.begin_object().member("access_token", access_token);
  if (!issued_token_type.empty()) writer.member("issued_token_type", issued_token_type);
  writer.member("token_type", "Bearer")
      .member("expires_in", std::int64_t{access_life.count()})
      .member("id_token", id_token->token)
      .member("refresh_token", family.refresh_token.reveal())
      .member("scope", session::scopes_of(scope))
      .end_object();
  co_return response;
}

}  // namespace openunison::oidc
