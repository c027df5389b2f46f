// SPDX-License-Identifier: Apache-2.0
//
// What programs ask the portal, `kubectl oulogin` first of all: where its sign-in is, who the
// person is and which clusters there are, and to sign out. With an access token of that program,
// never with a cookie; nothing here lets a script of another origin read or send it (no CORS, and
// Authorization makes browsers ask for it first). A program that nobody signs in for asks with the
// token that it would exchange, at an address of its own: neither kind of token is ever taken for
// the other.
#include "base/log.h"
#include "identity/error.h"
#include "portal/kubeconfig.h"
#include "portal/pages.h"
#include "session/bearer.h"

namespace openunison::portal {
namespace {

constexpr std::int64_t kWellKnownVersion = 1;
constexpr std::string_view kWellKnownMaxAge = "max-age=300";
constexpr std::string_view kRealm = "portal";
// For the keys of an issuer of workloads.
constexpr Seconds kKeysDeadline{10};

std::string issuer_of(const config::Values& values) {
  return values.issuer(values.clusters.front());
}

session::BearerRule rule_of(const config::Values& values) {
  return {std::string(kRealm), issuer_of(values), std::string(config::kCommandLineClient)};
}

void write_cluster(text::JsonWriter& writer, const config::Cluster& cluster,
                   const config::Values& values, const std::string& user,
                   std::string_view portal_ca) {
  const std::string issuer = values.issuer(cluster);
  writer.begin_object()
      .member("name", cluster.name)
      .member("label", cluster.label.empty() ? cluster.name : cluster.label)
      .member("server", cluster.k8s_url);
  if (!cluster.k8s_ca_pem.empty()) writer.member("server_ca", cluster.k8s_ca_pem);
  writer.member("issuer", issuer);
  if (!portal_ca.empty()) writer.member("issuer_ca", portal_ca);
  writer.member("client_id", cluster.client_id)
      .member("user_in_cluster", name_in_cluster(user, cluster, issuer))
      .end_object();
}

}  // namespace

Task<http::Response> Portal::Impl::well_known(http::Request&) {
  http::Response response;
  response.headers = {{"content-type", "application/json"},
                      {"cache-control", std::string(kWellKnownMaxAge)}};
  text::JsonWriter writer(response.body);
  writer.begin_object()
      .member("version", kWellKnownVersion)
      .member("name", values().branding.name)
      .member("portal", values().portal_origin());
  if (values().authentication.command_line) {
    writer.member("issuer", issuer_of(values()))
        .member("client_id", config::kCommandLineClient)
        .member("account_endpoint", values().portal_origin() + "/api/account")
        .member("sign_out_endpoint", values().portal_origin() + "/api/sign_out");
    if (values().authentication.password_from_command_line) writer.member("password", true);
  }
  if (workloads != nullptr)
    writer.member("workload_endpoint", values().portal_origin() + "/api/workload");
  writer.end_object();
  co_return response;
}

Task<std::expected<Current, http::Response>> Portal::Impl::require_program(http::Request& request) {
  session::BearerRule rule = rule_of(values());
  auto token = session::bearer_token(request, rule.realm);
  if (!token) co_return std::unexpected(std::move(token.error()));
  auto bearer = co_await session::open_bearer(sessions, std::move(*token), std::move(rule));
  if (!bearer) co_return std::unexpected(std::move(bearer.error()));
  co_return std::move(bearer->current);
}

Task<http::Response> Portal::Impl::account(http::Request& request) {
  auto current = co_await require_program(request);
  if (!current) co_return std::move(current.error());
  const identity::Principal& principal = current->principal;
  const store::SignIn& since = current->live.sign_in;
  const identity::Connector* connector = connectors.find(principal.provider);
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  text::JsonWriter writer(response.body);
  writer.begin_object()
      .member("now", unix_seconds(now()))
      .member("user", principal.user)
      .member("name", principal.display_name.empty() ? principal.user : principal.display_name)
      .member("provider", connector != nullptr ? provider_label(*connector) : principal.provider)
      .member("signed_in_at", unix_seconds(since.created_at))
      .member("ends_at", unix_seconds(since.expires_at))
      .member("session_ends_at", unix_seconds(store::ends_at(current->live.session, since)))
      .key("clusters")
      .begin_array();
  for (const config::Cluster& cluster : values().clusters) {
    if (principal.in_any(cluster.az_groups))
      write_cluster(writer, cluster, values(), principal.user, options.portal_ca_pem);
  }
  writer.end_array().end_object();
  co_return response;
}

Task<http::Response> Portal::Impl::sign_out_program(http::Request& request) {
  auto current = co_await require_program(request);
  if (!current) co_return std::move(current.error());
  store::Selector selector;
  selector.sign_in = current->live.sign_in.id;
  auto ended = co_await sessions.end(std::move(selector), "sign_out", session::caller_of(request));
  if (!ended) {
    co_return session::error_answer(503, "temporarily_unavailable",
                                    "sessions can not be ended at the moment");
  }
  http::Response response;
  response.status = 204;
  response.headers = {{"cache-control", "no-store"}};
  co_return response;
}

Task<http::Response> Portal::Impl::workload(http::Request& request) {
  auto token = session::bearer_token(request, kRealm);
  if (!token) co_return std::move(token.error());
  if (token->empty()) co_return session::bearer_challenge(kRealm, 401, "", "");
  auto entrances = co_await workloads->entrances(std::move(*token), net::in(kKeysDeadline));
  if (!entrances) {
    const Error& error = entrances.error();
    if (error.is(identity::Errc::unreachable))
      co_return session::error_answer(503, "temporarily_unavailable", error.message());
    const session::Caller caller = session::caller_of(request);
    log::audit("token_refused", {{"client", ""},
                                 {"reason", "invalid_token"},
                                 {"detail", error.message()},
                                 {"address", caller.address},
                                 {"request", caller.request_id},
                                 {"trace", caller.trace.trace_id()}});
    co_return session::bearer_challenge(kRealm, 401, "invalid_token", error.message());
  }
  const identity::Admitted& first = entrances->front().admitted;
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  text::JsonWriter writer(response.body);
  writer.begin_object()
      .member("now", unix_seconds(now()))
      .member("issuer", first.issuer())
      .member("subject", first.subject())
      .member("expires_at", unix_seconds(first.expires_at()))
      .key("clusters")
      .begin_array();
  for (const identity::Workloads::Entrance& each : *entrances) {
    for (const config::Cluster& cluster : values().clusters) {
      if (cluster.name == each.cluster)
        write_cluster(writer, cluster, values(), each.admitted.user(), options.portal_ca_pem);
    }
  }
  writer.end_array().end_object();
  co_return response;
}

}  // namespace openunison::portal
