// SPDX-License-Identifier: Apache-2.0
//
// PortalClient for programs that nobody signs in for: what a token of another issuer opens, and its
// exchange for a token of a cluster (RFC 8693).
#include <algorithm>

#include "cli/members.h"
#include "cli/portal_answers.h"
#include "text/form.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kJwtType = "urn:ietf:params:oauth:token-type:jwt";
constexpr std::string_view kIdTokenType = "urn:ietf:params:oauth:token-type:id_token";
constexpr std::string_view kSubject = "subject_token: ";

// What an answer says of the token, where it is about the token.
Error refused_token(const http::Response& response) {
  const auto json = text::Json::parse(response.content());
  const std::string error = json ? text_of(*json, "error") : "";
  if (error == "invalid_request" || error == "invalid_token") {
    std::string why = description_of(response);
    if (why.starts_with(kSubject)) why.erase(0, kSubject.size());
    return {Errc::token_refused, why};
  }
  return refused(response);
}

Result<WorkloadToken> token_of(const http::Response& response, std::string_view issuer,
                               std::string_view audience, BootTime asked) {
  const text::Json json = TRY(parsed(response));
  if (text_of(json, "issued_token_type") != kIdTokenType)
    return std::unexpected(bad_answer("what is given is no ID token"));
  WorkloadToken token;
  // RFC 8693 §2.2.1: named so whatever it is.
  token.id_token = Secret(text_of(json, "access_token"));
  token.asked = std::move(asked);
  const text::Json claims = TRY(payload_of(token.id_token.reveal()));
  if (text_of(claims, "iss") != issuer || text_of(claims, "aud") != audience)
    return std::unexpected(bad_answer("the ID token is for somebody else"));
  const std::int64_t life =
      std::min(number_of(claims, "exp") - number_of(claims, "iat"), kLongestTokenLife);
  if (life <= 0) return std::unexpected(bad_answer("the ID token is over before it begins"));
  token.life = Seconds(life);
  return token;
}

}  // namespace

Task<Result<Portal>> PortalClient::discover_for_workloads(Host host) {
  auto portal = co_await describe(host);
  if (portal && portal->workload_endpoint.empty())
    co_return fail(Errc::access_denied, "the portal " + host.text() +
                                            " takes no tokens of other issuers: it has no "
                                            "openunison.workloads, or is of an older version");
  co_return portal;
}

Task<Result<WorkloadAccount>> PortalClient::workload(std::string endpoint, std::string token) {
  const auto url = text::Url::parse(endpoint);
  const std::string origin = url ? url->origin() : "";
  auto response = co_await ask("GET", std::move(endpoint), std::move(token));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(refused_token(*response));
  const auto json = parsed(*response);
  if (!json) co_return std::unexpected(json.error());
  WorkloadAccount account;
  account.issuer = text_of(*json, "issuer");
  account.subject = text_of(*json, "subject");
  account.now = number_of(*json, "now");
  account.expires_at = number_of(*json, "expires_at");
  const text::Json* clusters = json->find("clusters");
  if (account.subject.empty() || clusters == nullptr || clusters->array() == nullptr ||
      clusters->array()->empty())
    co_return std::unexpected(bad_answer("it has no subject or no clusters"));
  for (const text::Json& each : *clusters->array()) {
    auto cluster = cluster_of(each, origin);
    if (!cluster) co_return std::unexpected(cluster.error());
    account.clusters.push_back(std::move(*cluster));
  }
  co_return account;
}

Task<Result<WorkloadToken>> PortalClient::exchange_workload(std::string issuer,
                                                            std::string client_id,
                                                            std::string token) {
  text::Form form;
  form.add("grant_type", std::string(kExchangeGrant));
  form.add("client_id", client_id);
  form.add("subject_token", std::move(token));
  form.add("subject_token_type", std::string(kJwtType));
  BootTime asked = clock_.now();
  auto response = co_await post(issuer + "/token", form.encode());
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(refused_token(*response));
  co_return token_of(*response, issuer, client_id, std::move(asked));
}

}  // namespace openunison::cli
