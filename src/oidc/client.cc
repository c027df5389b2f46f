// SPDX-License-Identifier: Apache-2.0
#include "oidc/client.h"

#include <algorithm>

#include "base/base64.h"
#include "text/url.h"
#include "text/utf8.h"
#include "text/words.h"

namespace openunison::oidc {
namespace {

constexpr std::string_view kLocalhost = "localhost";
constexpr std::string_view kLoopbackHosts[] = {"127.0.0.1", "[::1]", kLocalhost};
constexpr std::string_view kCommandLineScopes[] = {"openid", "offline_access"};
// The first kClusterScopes are all that a cluster's tokens need.
constexpr std::string_view kKnownScopes[] = {"openid",         "profile", "email", "groups",
                                             "offline_access", "address", "phone"};
constexpr std::size_t kClusterScopes = 5;

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// "http://HOST[:PORT]PATH" with a loopback host, taken apart as text: what isn't exactly of that
// form (userinfo, query, encoded or upper-case hosts) isn't a loopback redirect.
bool is_loopback_with_path(std::string_view uri, const std::vector<std::string>& paths,
                           bool numeric) {
  constexpr std::string_view kScheme = "http://";
  if (!uri.starts_with(kScheme)) return false;
  uri.remove_prefix(kScheme.size());
  const auto host =
      std::find_if(std::begin(kLoopbackHosts), std::end(kLoopbackHosts),
                   [&](std::string_view candidate) { return uri.starts_with(candidate); });
  if (host == std::end(kLoopbackHosts) || (numeric && *host == kLocalhost)) return false;
  uri.remove_prefix(host->size());
  if (uri.starts_with(':')) {
    uri.remove_prefix(1);
    const std::size_t digits = std::min(uri.find_first_not_of("0123456789"), uri.size());
    if (digits == 0 || digits > 5) return false;
    const int port = std::stoi(std::string(uri.substr(0, digits)));
    if (port == 0 || port > 65'535 || uri[0] == '0') return false;
    uri.remove_prefix(digits);
  }
  return contains(paths, uri);
}

struct Credentials {
  std::string id;
  std::optional<std::string> secret;
  bool basic = false;
};

OAuthError invalid_client(std::string description) {
  return {"invalid_client", std::move(description), 401};
}

// RFC 6749 §2.3.1: both halves are form-encoded inside Basic.
std::expected<Credentials, OAuthError> parse_basic(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  if (header.size() <= kScheme.size() ||
      !text::iequals_ascii(header.substr(0, kScheme.size()), kScheme)) {
    return std::unexpected(
        invalid_client("only the Basic scheme is accepted in Authorization here"));
  }
  const auto decoded = base64_decode(header.substr(kScheme.size()));
  const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos)
    return std::unexpected(invalid_client("Authorization is not valid Basic"));
  const auto form_decode = [](std::string text) {
    std::replace(text.begin(), text.end(), '+', ' ');
    return text::percent_decode(text);
  };
  auto id = form_decode(decoded->substr(0, colon));
  auto secret = form_decode(decoded->substr(colon + 1));
  if (!id || !secret)
    return std::unexpected(invalid_client("Authorization is not form-encoded inside Basic"));
  return Credentials{std::move(*id), std::move(*secret), true};
}

std::expected<Credentials, OAuthError> credentials_of(const http::Request& request,
                                                      const text::Form& form) {
  const auto header = request.headers.unique("authorization");
  if (!header)
    return std::unexpected(
        OAuthError{"invalid_request", "Authorization is given more than once", 400});
  const auto id = form.get("client_id");
  const auto secret = form.get("client_secret");
  if (!*header) {
    if (!id) return std::unexpected(invalid_client("client_id is missing"));
    return Credentials{std::string(*id),
                       secret ? std::optional(std::string(*secret)) : std::nullopt, false};
  }
  auto basic = parse_basic(**header);
  if (!basic) return basic;
  if (secret)
    return std::unexpected(
        OAuthError{"invalid_request", "use one way to authenticate, not two", 400});
  if (id && *id != basic->id) {
    return std::unexpected(
        OAuthError{"invalid_request", "client_id differs from the one in Authorization", 400});
  }
  return basic;
}

}  // namespace

bool Client::allows_redirect(std::string_view uri) const {
  if (contains(redirect_uris, uri)) return true;
  return !loopback_paths.empty() && is_loopback_with_path(uri, loopback_paths, numeric_loopback);
}

bool Client::allows_post_logout_redirect(std::string_view uri) const {
  return contains(post_logout_redirect_uris, uri);
}

std::string Client::grant_scope(std::string_view requested) const {
  std::string granted;
  for (std::size_t i = 0; i < std::size(kKnownScopes); ++i) {
    const std::string_view scope = kKnownScopes[i];
    const bool grantable = !is_command_line || std::ranges::find(kCommandLineScopes, scope) !=
                                                   std::end(kCommandLineScopes);
    const bool given =
        cluster != nullptr ? i < kClusterScopes : grantable && text::has_word(requested, scope);
    if (!given) continue;
    if (!granted.empty()) granted += ' ';
    granted += scope;
  }
  return granted;
}

std::string Client::session_label(std::string_view device_name) const {
  return device_name.empty() ? label : label + " on " + std::string(device_name);
}

Client command_line_client() {
  Client client;
  client.id = config::kCommandLineClient;
  client.label = "kubectl oulogin";
  client.is_public = true;
  client.is_command_line = true;
  client.loopback_paths = {"/callback"};
  client.numeric_loopback = true;
  return client;
}

Client cluster_client(const config::Cluster& cluster) {
  Client client;
  client.id = cluster.client_id;
  client.label = "kubectl for " + (cluster.label.empty() ? cluster.name : cluster.label);
  client.is_public = true;
  client.loopback_paths = {"", "/", "/callback", "/redirect"};
  client.az_groups = cluster.az_groups;
  client.cluster = &cluster;
  return client;
}

Client configured_client(const config::Client& settings, const Secret& secret) {
  Client client;
  client.id = settings.client_id;
  client.label = settings.label.empty() ? settings.client_id : settings.label;
  client.is_public = settings.is_public;
  if (!settings.is_public && !secret.empty()) client.secret_hash = crypto::sha256(secret.reveal());
  client.redirect_uris = settings.redirect_uris;
  client.post_logout_redirect_uris = settings.post_logout_redirect_uris;
  client.az_groups = settings.az_groups;
  client.may_wait_for_device = settings.device_authorization;
  client.must_push = settings.require_pushed_requests;
  client.backchannel_logout_uri = settings.backchannel_logout_uri;
  client.logout_names_session = settings.logout_names_session;
  if (settings.native) {
    for (const std::string& uri : settings.redirect_uris) {
      const auto url = text::Url::parse(uri);
      if (url && url->scheme == "http" && !url->query) client.loopback_paths.push_back(url->path);
    }
  }
  return client;
}

const Client* Clients::find(std::string_view id) const {
  for (const Client& client : clients_) {
    if (client.id == id) return &client;
  }
  return nullptr;
}

std::expected<const Client*, OAuthError> Clients::authenticate(const http::Request& request,
                                                               const text::Form& form) const {
  const auto credentials = credentials_of(request, form);
  if (!credentials) return std::unexpected(credentials.error());

  const Client* client = find(credentials->id);
  const std::string_view secret =
      credentials->secret ? std::string_view(*credentials->secret) : std::string_view();
  // Hashed and compared also for clients that don't exist, so that the time is the same.
  static constexpr crypto::Sha256 kNothing{};
  const crypto::Sha256& expected =
      client != nullptr && client->secret_hash ? *client->secret_hash : kNothing;
  const bool matches =
      crypto::constant_time_equal(crypto::view(crypto::sha256(secret)), crypto::view(expected));

  const bool good =
      client != nullptr && (client->is_public ? secret.empty() : client->secret_hash && matches);
  if (good) return client;
  return std::unexpected(invalid_client("unknown client, or its authentication is wrong"));
}

}  // namespace openunison::oidc
