// SPDX-License-Identifier: Apache-2.0
//
// Introspection (RFC 7662): a client with a secret asks whether a token that it was given still
// counts. Looking uses nothing up and changes nothing. Of tokens of others, and of what is no token
// or none any more, it learns exactly {"active":false} (§2.2): they look the same.
#include "oidc/provider_impl.h"
#include "session/claims.h"
#include "store/rotation.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

http::Response json_response() {
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  return response;
}

http::Response inactive() {
  http::Response response = json_response();
  response.body = R"({"active":false})";
  return response;
}

struct Standing {
  std::string scope;
  const char* token_type;
  WallTime expires_at;
  std::optional<WallTime> issued_at;
};

http::Response active(const Standing& standing, const session::Current& current,
                      std::string_view client_id, std::string_view issuer) {
  http::Response response = json_response();
  text::JsonWriter writer(response.body);
  writer.begin_object()
      .member("active", true)
      .member("scope", session::scopes_of(standing.scope))
      .member("client_id", client_id)
      .member("username", current.principal.user)
      .member("token_type", standing.token_type)
      .member("exp", unix_seconds(standing.expires_at));
  if (standing.issued_at) writer.member("iat", unix_seconds(*standing.issued_at));
  writer.member("sub", current.principal.user)
      .member("iss", issuer)
      .member("sid", current.live.session.id.text())
      .end_object();
  return response;
}

// Not an answer about the token, but that there is none at the moment.
bool is_outage(const Error& error) {
  return oauth_error(error).status >= 500;
}

}  // namespace

std::optional<WallTime> Provider::Impl::refreshable_until(
    const session::Current& current, const session::RefreshTokens::Parsed& presented) const {
  const auto& [session, sign_in] = current.live;
  store::RotateRequest as_if;
  as_if.generation = presented.generation;
  as_if.grace = sessions.values().authentication.grace_period;
  as_if.now = now();
  if (!store::would_be_taken(session, as_if)) return std::nullopt;
  const WallTime ends = std::min(store::ends_at(session, sign_in),
                                 session.last_used_at + sessions.client_idle(sign_in));
  return ends > now() ? std::optional(ends) : std::nullopt;
}

Task<http::Response> Provider::Impl::introspect(http::Request& request) {
  auto call = co_await client_call(request, "introspect");
  if (!call) co_return std::move(call.error());
  const Client& client = call->client;
  if (client.is_public) {
    // Whoever knows its name could ask.
    http::Response refused =
        to_response({"invalid_client", "only clients with a secret may ask about tokens", 401});
    refused.headers.add("www-authenticate", "Basic realm=\"introspect\"");
    co_return refused;
  }
  const std::string given(call->form.value("token"));
  if (given.empty()) co_return to_response({"invalid_request", "token is missing", 400});

  if (const auto refresh = refresh_tokens.parse(given, {options.issuer, client.id})) {
    auto current = co_await sessions.find(refresh->family);
    if (!current && is_outage(current.error())) co_return to_response(oauth_error(current.error()));
    if (!current || !check_access(client, current->principal)) co_return inactive();
    const auto until = refreshable_until(*current, *refresh);
    if (!until) co_return inactive();
    const store::Session& session = current->live.session;
    std::optional<WallTime> made_at;
    if (refresh->generation == session.generation)
      made_at = session.superseded_at.empty() ? session.created_at : session.superseded_at.back();
    co_return active({session.scope, "refresh_token", *until, made_at}, *current, client.id,
                     options.issuer);
  }
  auto opened = co_await sessions.open_access_token(given);
  if (!opened && is_outage(opened.error())) co_return to_response(oauth_error(opened.error()));
  if (!opened) co_return inactive();
  const auto& [access, current] = *opened;
  if (access.client_id != client.id || access.issuer != options.issuer ||
      !check_access(client, current.principal))
    co_return inactive();
  co_return active({access.scope, "Bearer", access.expires_at, {}}, current, client.id,
                   options.issuer);
}

}  // namespace openunison::oidc
