// SPDX-License-Identifier: Apache-2.0
//
// Token exchange (RFC 8693) for programs: who has a token of an issuer that values trust for that
// gets an ID token of the cluster. Nothing is stored, nobody is signed in, and there is nothing to
// refresh: the program comes again with its own token.
#include "base/log.h"
#include "identity/error.h"
#include "oidc/provider_impl.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

constexpr Seconds kDeadline{10};

// §2.2.2: a subject token that isn't good, or isn't wanted, is invalid_request.
OAuthError subject_error(const Error& error) {
  if (error.is(identity::Errc::unreachable))
    return {"temporarily_unavailable", error.message(), 503};
  return {"invalid_request", "subject_token: " + error.message()};
}

}  // namespace

Task<http::Response> Provider::Impl::exchange_of_workload(const Client& client,
                                                          std::string subject_token,
                                                          session::Caller caller) {
  auto admitted =
      co_await workloads->admit(std::move(subject_token), client.cluster->name, net::in(kDeadline));
  if (!admitted) co_return refused(&client, subject_error(admitted.error()), caller);
  const Seconds left = std::chrono::floor<Seconds>(admitted->expires_at() - now());
  session::IdTokenRequest request;
  request.issuer = options.issuer;
  request.audience = client.id;
  request.life = std::min(sessions.values().authentication.token_life, left);
  if (request.life < Seconds(1)) {
    co_return refused(&client, {"invalid_request", "subject_token: the token has expired"}, caller);
  }
  const auto snapshot = keys.snapshot();
  const auto token = session::issue_workload_token(request, *admitted, *snapshot->signer,
                                                   sessions.random(), now());
  if (!token) co_return refused(&client, oauth_error(token.error()), caller);

  count_token(client, "workload");
  log::audit("workload_token", {{"workload", admitted->workload()},
                                {"issuer", admitted->issuer()},
                                {"subject", admitted->subject()},
                                {"user", admitted->user()},
                                {"client", client.id},
                                {"cluster", client.cluster->name},
                                {"jti", token->jti},
                                {"kid", snapshot->signer->kid()},
                                {"address", caller.address},
                                {"request", caller.request_id},
                                {"trace", caller.trace.trace_id()}});
  http::Response response;
  response.headers = {
      {"content-type", "application/json"}, {"cache-control", "no-store"}, {"pragma", "no-cache"}};
  // §2.2.1: named access_token whatever it is; N_A, since it isn't one of OAuth's.
  text::JsonWriter(response.body)
      .begin_object()
      .member("access_token", token->token)
      .member("issued_token_type", kIdTokenType)
      .member("token_type", "N_A")
      .member("expires_in", std::int64_t{request.life.count()})
      .end_object();
  co_return response;
}

}  // namespace openunison::oidc
