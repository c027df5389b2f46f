// SPDX-License-Identifier: Apache-2.0
//
// Revocation (RFC 7009). A refresh token ends its session, and with it the access tokens; so does
// an access token, which is only a reference to the session. Unknown tokens are answered 200
// (§2.2).
#include "base/log.h"
#include "oidc/provider_impl.h"

namespace openunison::oidc {

Task<http::Response> Provider::Impl::revoke(http::Request& request) {
  const session::Caller caller = session::caller_of(request);
  auto call = co_await client_call(request, "revoke");
  if (!call) co_return std::move(call.error());
  const std::string token(call->form.value("token"));
  if (token.empty()) co_return to_response({"invalid_request", "token is missing", 400});

  Result<void> revoked =
      co_await sessions.revoke_family(token, {options.issuer, call->client.id}, caller);
  if (!revoked && revoked.error().is(session::Errc::bad_token)) {
    revoked = {};
    auto opened = co_await sessions.open_access_token(token);
    if (opened && opened->first.client_id == call->client.id &&
        opened->first.issuer == options.issuer) {
      store::Selector selector;
      selector.session = opened->first.session;
      auto ended = co_await sessions.end(std::move(selector), session::kRevokedByClient, caller);
      if (!ended) revoked = std::unexpected(ended.error());
    }
  }
  if (!revoked) co_return to_response(oauth_error(revoked.error()));
  log::audit("revocation", {{"client", call->client.id},
                            {"address", caller.address},
                            {"request", caller.request_id},
                            {"trace", caller.trace.trace_id()}});
  http::Response response;
  response.headers = {{"cache-control", "no-store"}};
  co_return response;
}

}  // namespace openunison::oidc
