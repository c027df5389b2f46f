// SPDX-License-Identifier: Apache-2.0
//
// What people reach besides clusters: the applications on the portal's first page, and the relying
// parties of the provider.
#include <set>

#include "base/base64.h"
#include "config/checks.h"
#include "config/parser.h"
#include "text/url.h"

namespace openunison::config {
namespace {

constexpr std::size_t kMaxClientId = 128;
constexpr const char* kApps = "openunison.apps";
constexpr const char* kClients = "openunison.clients";

// Why a client can't be reached or returned to there; "" if it can.
std::string problem_of_address(const std::string& uri) {
  const auto url = text::Url::parse(uri);
  if (!url) return url.error().message();
  if (url->fragment) return "must not have a fragment";
  if (!url->is_https() && !is_loopback_host(url->host))
    return "must be https; http is only for localhost, 127.0.0.1 and [::1]";
  return {};
}

}  // namespace

void Parser::read_apps() {
  std::set<std::string> names;
  for (const Item& item : items(kApps)) {
    Application app;
    app.name = required(item, "name", "a unique name");
    app.label = string(item, "label");
    app.org = string(item, "org");
    app.description = string(item, "description");
    app.badge_url = required(item, "badgeUrl", "where its card leads");
    app.icon = icon_of(item);
    app.az_groups = strings(item, "az_groups");
    if (!names.insert(app.name).second) error(item, "name", "another application has this name");
    if (const auto url = text::Url::parse(app.badge_url); !url && !app.badge_url.empty()) {
      error(item, "badgeUrl", url.error().message());
    }
    values_.apps.push_back(std::move(app));
  }
}

std::string Parser::icon_of(const Item& item) {
  const std::string icon = string(item, "icon");
  if (icon.empty() || icon.starts_with("data:image/")) return icon;
  if (icon.starts_with("https://")) {
    if (!text::Url::parse(icon)) error(item, "icon", "is not a usable URL");
    return icon;
  }
  // OpenUnison's form: the PNG alone.
  if (!base64_decode(icon))
    error(item, "icon", "must be an https or data:image/ URL, or a PNG in base64");
  return "data:image/png;base64," + icon;
}

void Parser::read_clients() {
  std::set<std::string> ids;
  for (const Cluster& cluster : values_.clusters) ids.insert(cluster.client_id);
  for (const Item& item : items(kClients)) {
    Client client;
    client.client_id = required(item, "client_id", "its unique id");
    client.label = string(item, "label");
    client.is_public = boolean(item, "public");
    client.native = boolean(item, "native");
    client.redirect_uris = strings(item, "redirect_uris");
    client.post_logout_redirect_uris = strings(item, "post_logout_redirect_uris");
    client.az_groups = strings(item, "az_groups");
    client.require_pushed_requests = boolean(item, "require_pushed_authorization_requests");
    client.device_authorization = boolean(item, "device_authorization");
    client.backchannel_logout_uri = string(item, "backchannel_logout_uri");
    client.logout_names_session = boolean(item, "backchannel_logout_session_required");
    if (client.client_id == kCommandLineClient) {
      error(item, "client_id",
            "is the one of kubectl oulogin, which is there without being listed");
    } else if (!ids.insert(client.client_id).second) {
      error(item, "client_id", "is that of a cluster or of another client");
    }
    check_client(client, item);
    values_.clients.push_back(std::move(client));
  }
}

void Parser::check_client(const Client& client, const Item& item) {
  // It is in the name of the secret's file.
  if (!client.client_id.empty() && !is_plain_name(client.client_id, kMaxClientId)) {
    error(item, "client_id", "may have letters, digits, dots, dashes and underscores, up to 128");
  }
  if (client.redirect_uris.empty())
    error(item, "redirect_uris", "is missing: at least one address");
  check_redirects(client.redirect_uris, item, "redirect_uris");
  check_redirects(client.post_logout_redirect_uris, item, "post_logout_redirect_uris");
  if (const auto why = problem_of_address(client.backchannel_logout_uri);
      !client.backchannel_logout_uri.empty() && !why.empty()) {
    error(item, "backchannel_logout_uri", why);
  }
}

// RFC 9700 §2.1 (exact match), RFC 8252 §7.3 (http for loopback), RFC 6749 §3.1.2 (no fragment).
void Parser::check_redirects(const std::vector<std::string>& uris, const Item& item,
                             std::string_view key) {
  for (std::size_t i = 0; i < uris.size(); ++i) {
    if (uris[i].find('*') != std::string::npos) {
      error_at(item, key, i, "patterns are not accepted; write each address out");
    } else if (auto why = problem_of_address(uris[i]); !why.empty()) {
      error_at(item, key, i, std::move(why));
    }
  }
}

}  // namespace openunison::config
