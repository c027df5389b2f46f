// SPDX-License-Identifier: Apache-2.0
#include "cli/portal_answers.h"

#include "base/base64.h"
#include "cli/members.h"
#include "text/url.h"

namespace openunison::cli {
namespace {

constexpr std::size_t kMaxDescription = 300;

}  // namespace

Error bad_answer(std::string what) {
  return Error(Errc::bad_answer, "the portal's answer can't be used: " + std::move(what));
}

std::string description_of(const http::Response& response) {
  const auto json = text::Json::parse(response.content());
  if (!json) return {};
  std::string description = text_of(*json, "error_description");
  if (description.empty()) description = text_of(*json, "error");
  if (description.size() > kMaxDescription) description.resize(kMaxDescription);
  return description;
}

Error refused(const http::Response& response) {
  const auto json = text::Json::parse(response.content());
  const std::string error = json ? text_of(*json, "error") : "";
  const std::string said = description_of(response);
  if (error == "authorization_pending") return {Errc::authorization_pending, said};
  if (error == "slow_down") return {Errc::slow_down, said};
  if (error == "expired_token") return {Errc::expired, said};
  if (error == "access_denied") return {Errc::access_denied, said};
  if (error == "invalid_grant" || error == "invalid_token") return {Errc::session_over, said};
  if (error == "unauthorized_client" || error == "invalid_client" || error == "invalid_target" ||
      error == "unsupported_grant_type")
    return {Errc::access_denied, said};
  if (response.status == 429 || response.status >= 500)
    return {Errc::unreachable, "the portal can't answer now (status " +
                                   std::to_string(response.status) +
                                   (said.empty() ? "" : ": " + said) + "); try again"};
  return bad_answer("status " + std::to_string(response.status) +
                    (said.empty() ? "" : ", " + said));
}

Result<text::Json> parsed(const http::Response& response) {
  auto json = text::Json::parse(response.content());
  if (!json) return std::unexpected(bad_answer(json.error().message()));
  if (json->object() == nullptr) return std::unexpected(bad_answer("it is no object"));
  return json;
}

Result<text::Json> payload_of(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::unexpected(bad_answer("id_token is no JWT"));
  const auto bytes = base64url_decode(token.substr(first + 1, second - first - 1));
  if (!bytes) return std::unexpected(bad_answer("id_token is no JWT"));
  auto json = text::Json::parse(*bytes);
  if (!json) return std::unexpected(bad_answer("id_token is no JWT"));
  return json;
}

bool is_at(std::string_view address, std::string_view origin) {
  return address.starts_with(origin) && address.substr(origin.size()).starts_with('/');
}

Result<ClusterAccess> cluster_of(const text::Json& json, std::string_view origin) {
  ClusterAccess cluster;
  cluster.name = text_of(json, "name");
  cluster.label = text_of(json, "label");
  cluster.server = text_of(json, "server");
  cluster.server_ca_pem = text_of(json, "server_ca");
  cluster.issuer = text_of(json, "issuer");
  cluster.issuer_ca_pem = text_of(json, "issuer_ca");
  cluster.client_id = text_of(json, "client_id");
  cluster.user_in_cluster = text_of(json, "user_in_cluster");
  if (cluster.name.empty() || cluster.issuer.empty() || cluster.client_id.empty())
    return std::unexpected(bad_answer("a cluster without name, issuer or client_id"));
  if (!is_at(cluster.issuer, origin))
    return std::unexpected(
        bad_answer("the issuer of the cluster " + cluster.name + " is at another host"));
  if (!text::Url::parse(cluster.server))
    return std::unexpected(bad_answer("the address of the cluster " + cluster.name + " is no URL"));
  if (cluster.label.empty()) cluster.label = cluster.name;
  return cluster;
}

}  // namespace openunison::cli
