// SPDX-License-Identifier: Apache-2.0
#include "cli/portal_client.h"

#include <algorithm>

#include "cli/members.h"
#include "cli/portal_answers.h"
#include "net/error.h"
#include "text/form.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kCodeGrant = "authorization_code";
constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::string_view kExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kAccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::int64_t kNewestVersion = 1;
// What a portal says of times is held to what makes sense, for it is counted with.
constexpr std::int64_t kLongestWait = 30 * 60;
constexpr std::int64_t kLongestInterval = 60;

Result<Tokens> tokens_of(const http::Response& response, std::string_view issuer,
                         std::string_view audience, BootTime asked) {
  const text::Json json = TRY(parsed(response));
  Tokens tokens;
  tokens.access_token = text_of(json, "access_token");
  tokens.id_token = Secret(text_of(json, "id_token"));
  tokens.refresh_token = Secret(text_of(json, "refresh_token"));
  tokens.asked = std::move(asked);
  if (tokens.access_token.empty() || tokens.id_token.empty() || tokens.refresh_token.empty())
    return std::unexpected(bad_answer("a token is missing"));
  const text::Json claims = TRY(payload_of(tokens.id_token.reveal()));
  if (text_of(claims, "iss") != issuer || text_of(claims, "aud") != audience)
    return std::unexpected(bad_answer("the ID token is for somebody else"));
  tokens.nonce = text_of(claims, "nonce");
  const std::int64_t life =
      std::min(number_of(claims, "exp") - number_of(claims, "iat"), kLongestTokenLife);
  if (life <= 0) return std::unexpected(bad_answer("the ID token is over before it begins"));
  tokens.id_token_life = Seconds(life);
  return tokens;
}

Result<Portal> portal_of(const http::Response& response, const Host& host) {
  const std::string not_one =
      host.text() + " is no OpenUnison portal of a version that has kubectl oulogin";
  const auto json = text::Json::parse(response.content());
  if (response.status != 200 || !json || json->object() == nullptr ||
      number_of(*json, "version") < 1)
    return fail(Errc::not_a_portal, not_one + " (" + host.origin() +
                                        "/.well-known/openunison answered with status " +
                                        std::to_string(response.status) + ")");
  if (number_of(*json, "version") > kNewestVersion)
    return fail(Errc::not_a_portal,
                host.text() + " is newer than this program; get the plugin that it offers");
  Portal portal;
  portal.name = text_of(*json, "name");
  portal.origin = text_of(*json, "portal");
  portal.issuer = text_of(*json, "issuer");
  portal.client_id = text_of(*json, "client_id");
  portal.account_endpoint = text_of(*json, "account_endpoint");
  portal.sign_out_endpoint = text_of(*json, "sign_out_endpoint");
  if (const text::Json* takes = json->find("password"); takes != nullptr && takes->boolean())
    portal.takes_passwords = *takes->boolean();
  portal.workload_endpoint = text_of(*json, "workload_endpoint");
  if (portal.origin != host.origin())
    return fail(Errc::not_a_portal,
                host.text() + " says that it is " + portal.origin + "; use that as --host");
  for (const std::string& address : {portal.issuer, portal.account_endpoint,
                                     portal.sign_out_endpoint, portal.workload_endpoint}) {
    if (!address.empty() && !is_at(address, portal.origin))
      return std::unexpected(bad_answer("it names an address of another host"));
  }
  return portal;
}

}  // namespace

Result<std::unique_ptr<PortalClient>> PortalClient::create(net::Runtime& runtime,
                                                           PortalClientOptions options,
                                                           const BootClock& clock) {
  http::ClientOptions http;
  std::vector<std::string> roots;
  if (!options.authority_pem.empty()) roots.push_back(options.authority_pem);
  auto tls = net::TlsClientContext::create(roots);
  if (!tls) return fail(Errc::untrusted, tls.error().message());
  http.tls = std::move(*tls);
  http.proxy = std::move(options.proxy);
  http.no_proxy = std::move(options.no_proxy);
  const auto client = std::make_shared<http::Client>(runtime, std::move(http));
  return std::make_unique<PortalClient>(
      [client](http::ClientRequest request) { return client->fetch(std::move(request)); },
      std::move(options.device_name), clock, std::move(options.trace));
}

Task<Result<http::Response>> PortalClient::fetch(http::ClientRequest request) {
  request.headers.set("accept", "application/json");
  request.headers.set("user-agent", "kubectl-oulogin/" OPENUNISON_VERSION);
  const std::string what = request.method + " " + described_url(request.url);
  if (trace_.level() >= 2 && !request.body.empty())
    trace_.more(what + " with " + described_form(request.body));
  const auto begun = std::chrono::steady_clock::now();
  auto response = co_await fetch_(std::move(request));
  const auto took = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begun);
  trace_.say(what + ": " +
             (response ? std::to_string(response->status) : response.error().message()) + ", " +
             std::to_string(took.count()) + " ms");
  if (response && response->status >= 400) trace_.more("it says: " + refused(*response).message());
  if (response) co_return response;
  const Error& error = response.error();
  if (error.is(net::Errc::untrusted)) co_return fail(Errc::untrusted, error.message());
  co_return fail(Errc::unreachable, error.message());
}

Task<Result<http::Response>> PortalClient::post(std::string url, std::string body) {
  auto parsed_url = text::Url::parse(url);
  if (!parsed_url) co_return std::unexpected(bad_answer(parsed_url.error().message()));
  http::ClientRequest request;
  request.method = "POST";
  request.url = std::move(*parsed_url);
  request.headers.set("content-type", "application/x-www-form-urlencoded");
  request.body = std::move(body);
  co_return co_await fetch(std::move(request));
}

Task<Result<Tokens>> PortalClient::ask_for_tokens(std::string issuer, std::string form,
                                                  std::string audience) {
  BootTime asked = clock_.now();
  auto response = co_await post(issuer + "/token", std::move(form));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(refused(*response));
  co_return tokens_of(*response, issuer, audience, std::move(asked));
}

Task<Result<Portal>> PortalClient::discover(Host host) {
  auto portal = co_await describe(host);
  if (!portal) co_return portal;
  if (portal->client_id.empty())
    co_return fail(Errc::access_denied, "the portal " + host.text() +
                                            " lets nobody sign in from the command line; use the "
                                            "command that its Kubernetes page makes");
  if (portal->issuer.empty() || portal->account_endpoint.empty() ||
      portal->sign_out_endpoint.empty())
    co_return std::unexpected(bad_answer("an address is missing"));
  co_return portal;
}

Task<Result<Portal>> PortalClient::describe(Host host) {
  http::ClientRequest request;
  auto url = text::Url::parse(host.origin() + "/.well-known/openunison");
  if (!url) co_return fail(Errc::bad_argument, url.error().message());
  request.url = std::move(*url);
  auto response = co_await fetch(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  co_return portal_of(*response, host);
}

Task<Result<Tokens>> PortalClient::redeem(Portal portal, std::string code, std::string redirect_uri,
                                          std::string verifier) {
  text::Form form;
  form.add("grant_type", std::string(kCodeGrant));
  form.add("client_id", portal.client_id);
  form.add("code", std::move(code));
  form.add("redirect_uri", std::move(redirect_uri));
  form.add("code_verifier", std::move(verifier));
  form.add("device_name", device_name_);
  co_return co_await ask_for_tokens(portal.issuer, form.encode(), portal.client_id);
}

Task<Result<Tokens>> PortalClient::send_password(Portal portal, std::string user, Secret password) {
  if (!portal.takes_passwords)
    co_return fail(
        Errc::access_denied,
        "the portal " + portal.origin +
            " takes no passwords from the command line: built-in users' alone, and where "
            "openunison.authentication.password_from_command_line is true");
  text::Form form;
  form.add("grant_type", "password");
  form.add("client_id", portal.client_id);
  form.add("scope", "openid offline_access");
  form.add("username", std::move(user));
  form.add("password", std::string(password.reveal()));
  form.add("device_name", device_name_);
  auto tokens = co_await ask_for_tokens(portal.issuer, form.encode(), portal.client_id);
  // It is no session that is over.
  if (!tokens && tokens.error().is(Errc::session_over))
    co_return fail(Errc::access_denied, tokens.error().message());
  co_return tokens;
}

Task<Result<Tokens>> PortalClient::refresh(std::string issuer, std::string client_id,
                                           std::string token) {
  text::Form form;
  form.add("grant_type", "refresh_token");
  form.add("client_id", client_id);
  form.add("refresh_token", std::move(token));
  co_return co_await ask_for_tokens(std::move(issuer), form.encode(), std::move(client_id));
}

Task<Result<Tokens>> PortalClient::exchange(ClusterAccess cluster, std::string access_token,
                                            KeptBy kept_by) {
  text::Form form;
  form.add("grant_type", std::string(kExchangeGrant));
  form.add("client_id", cluster.client_id);
  form.add("subject_token", std::move(access_token));
  form.add("subject_token_type", std::string(kAccessTokenType));
  form.add("requested_token_type", std::string(kAccessTokenType));
  form.add("device_name", device_name_);
  if (kept_by == KeptBy::kubectl) form.add("kept_by", "kubectl");
  co_return co_await ask_for_tokens(cluster.issuer, form.encode(), cluster.client_id);
}

Task<Result<DeviceCode>> PortalClient::ask_for_code(Portal portal) {
  text::Form form;
  form.add("client_id", portal.client_id);
  form.add("scope", "openid offline_access");
  form.add("device_name", device_name_);
  auto response = co_await post(portal.issuer + "/device", form.encode());
  if (!response) co_return std::unexpected(response.error());
  if (response->status == 404)
    co_return fail(Errc::access_denied, "this portal takes no device codes");
  if (response->status != 200) co_return std::unexpected(refused(*response));
  const auto json = parsed(*response);
  if (!json) co_return std::unexpected(json.error());
  DeviceCode code;
  code.device_code = text_of(*json, "device_code");
  code.user_code = text_of(*json, "user_code");
  code.verification_uri = text_of(*json, "verification_uri");
  code.verification_uri_complete = text_of(*json, "verification_uri_complete");
  code.expires_in = Seconds(std::min(number_of(*json, "expires_in"), kLongestWait));
  if (const std::int64_t interval = number_of(*json, "interval"); interval > 0)
    code.interval = Seconds(std::min(interval, kLongestInterval));
  if (code.device_code.empty() || code.user_code.empty() || code.expires_in <= Seconds(0) ||
      !is_at(code.verification_uri, portal.origin) ||
      !is_at(code.verification_uri_complete, portal.origin))
    co_return std::unexpected(bad_answer("no device code"));
  co_return code;
}

Task<Result<Tokens>> PortalClient::poll(Portal portal, std::string device_code) {
  text::Form form;
  form.add("grant_type", std::string(kDeviceGrant));
  form.add("client_id", portal.client_id);
  form.add("device_code", std::move(device_code));
  co_return co_await ask_for_tokens(portal.issuer, form.encode(), portal.client_id);
}

Task<Result<void>> PortalClient::revoke(std::string issuer, std::string client_id,
                                        std::string token) {
  text::Form form;
  form.add("client_id", std::move(client_id));
  form.add("token", std::move(token));
  form.add("token_type_hint", "refresh_token");
  auto response = co_await post(issuer + "/revoke", form.encode());
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(refused(*response));
  co_return Result<void>{};
}

Task<Result<http::Response>> PortalClient::ask(std::string method, std::string endpoint,
                                               std::string access_token) {
  http::ClientRequest request;
  auto url = text::Url::parse(endpoint);
  if (!url) co_return std::unexpected(bad_answer(url.error().message()));
  request.method = std::move(method);
  request.url = std::move(*url);
  request.headers.set("authorization", "Bearer " + access_token);
  co_return co_await fetch(std::move(request));
}

Task<Result<Account>> PortalClient::account(std::string endpoint, std::string access_token) {
  const auto url = text::Url::parse(endpoint);
  const std::string origin = url ? url->origin() : "";
  auto response = co_await ask("GET", std::move(endpoint), std::move(access_token));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(refused(*response));
  const auto json = parsed(*response);
  if (!json) co_return std::unexpected(json.error());
  Account account;
  account.user = text_of(*json, "user");
  account.name = text_of(*json, "name");
  account.provider = text_of(*json, "provider");
  account.now = number_of(*json, "now");
  account.signed_in_at = number_of(*json, "signed_in_at");
  account.ends_at = number_of(*json, "ends_at");
  account.session_ends_at = number_of(*json, "session_ends_at");
  const text::Json* clusters = json->find("clusters");
  if (account.user.empty() || clusters == nullptr || clusters->array() == nullptr)
    co_return std::unexpected(bad_answer("the account has no user or no clusters"));
  for (const text::Json& each : *clusters->array()) {
    auto cluster = cluster_of(each, origin);
    if (!cluster) co_return std::unexpected(cluster.error());
    account.clusters.push_back(std::move(*cluster));
  }
  co_return account;
}

Task<Result<void>> PortalClient::sign_out(std::string endpoint, std::string access_token) {
  auto response = co_await ask("POST", std::move(endpoint), std::move(access_token));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 204) co_return std::unexpected(refused(*response));
  co_return Result<void>{};
}

}  // namespace openunison::cli
