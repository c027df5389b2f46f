// SPDX-License-Identifier: Apache-2.0
//
// From a values file to Values: the schema's checks (reader.h), then what keys mean together.
#include <algorithm>
#include <set>

#include "config/reader.h"
#include "crypto/x509.h"
#include "text/base64.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::config {
namespace {

using text::Yaml;

constexpr Seconds kGraceMargin{15};
constexpr std::size_t kMaxName = 63;

bool is_plain_name(std::string_view name, std::size_t most) {
  return !name.empty() && name.size() <= most && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; });
}

bool is_provider_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_colour(std::string_view text) {
  return text.size() == 7 && text[0] == '#' && text.substr(1).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

class Parser {
 public:
  Parser(const Yaml& root, const std::string& file) : root_(root), in_(root, file) { values_.file = file; }

  Parsed parse() {
    in_.check();
    read_network();
    read_trusted_certificates();
    read_authentication();
    read_providers();
    read_clusters();
    read_apps();
    read_clients();
    read_portal();
    read_server();
    read_non_secret_data();
    if (in_.boolean("enable_impersonation")) {
      in_.error(in_.find("enable_impersonation"), "enable_impersonation", "the impersonating API proxy isn't in this version; set the cluster up with openunison api-server-config and write false");
    }
    if (in_.integer("openunison.replicas") > 1) {
      in_.error(in_.find("openunison.replicas"), "openunison.replicas", "several replicas need a shared store, which this version doesn't have; write 1");
    }
    values_.az_groups = in_.strings("openunison.az_groups");
    for (std::string& group : in_.strings("openunison.extra_az_groups")) values_.az_groups.push_back(std::move(group));
    values_.groups_filter = {in_.strings("openunison.groups_filter.include"), in_.strings("openunison.groups_filter.exclude")};
    if (in_.string("openunison.signing_algorithm") == "ES256") values_.signing_algorithm = SigningAlgorithm::es256;

    Parsed parsed;
    const bool good = !in_.has_errors();
    parsed.problems = in_.take_problems();
    if (good) parsed.values = std::move(values_);
    return parsed;
  }

 private:
  // "apps[0].name" for messages.
  static std::string at(std::string_view list, std::size_t index, std::string_view key) {
    return std::string(list) + "[" + std::to_string(index) + "]" + (key.empty() ? "" : "." + std::string(key));
  }

  std::vector<const Yaml*> items(std::string_view path) const {
    std::vector<const Yaml*> all;
    const Yaml* list = in_.find(path);
    if (list == nullptr) return all;
    for (const Yaml& item : list->items) {
      if (item.kind == Yaml::Kind::map) all.push_back(&item);
    }
    return all;
  }

  // Reports a value that must be there.
  std::string required(const Yaml& item, std::string_view prefix, std::string_view path, std::string_view shown) {
    std::string value = in_.string(item, prefix, path);
    if (value.empty()) in_.error(&item, std::string(shown), "is missing");
    return value;
  }

  bool check_url(const std::string& url, const Yaml* where, std::string key, bool https_only) {
    const auto parsed = text::Url::parse(url);
    if (!parsed) {
      in_.error(where, std::move(key), parsed.error().message());
      return false;
    }
    if (https_only && !parsed->is_https()) {
      in_.error(where, std::move(key), "must be an https URL");
      return false;
    }
    return true;
  }

  std::string pem_of(const std::string& base64, const Yaml* where, const std::string& key) {
    std::string compact;
    for (const char c : base64) {
      if (c != '\n' && c != ' ' && c != '\r') compact += c;
    }
    const auto pem = text::base64_decode(compact);
    if (!pem) {
      in_.error(where, key, "is not base64");
      return {};
    }
    const auto certificates = crypto::read_certificates(*pem);
    if (!certificates) {
      in_.error(where, key, certificates.error().message());
      return {};
    }
    return *pem;
  }

  void read_network() {
    const std::string host = text::ascii_lower(in_.string("network.openunison_host"));
    values_.external_port = static_cast<std::uint16_t>(in_.integer("network.external_port"));
    const Yaml* where = in_.find("network.openunison_host");
    if (host.empty()) {
      in_.error(where, "network.openunison_host", "is missing: the portal's host name, such as k8sou.example.com");
      return;
    }
    const auto url = text::Url::parse("https://" + host);
    if (!url || url->host != host || url->port_given || !url->path.empty()) {
      in_.error(where, "network.openunison_host", "must be a host name alone, such as k8sou.example.com");
    }
    values_.portal_host = host;
  }

  void read_trusted_certificates() {
    for (std::size_t i = 0; const Yaml* item : items("trusted_certs")) {
      TrustedCertificate trusted;
      trusted.name = required(*item, "trusted_certs[]", "name", at("trusted_certs", i, "name"));
      const std::string encoded = required(*item, "trusted_certs[]", "pem_b64", at("trusted_certs", i, "pem_b64"));
      if (!encoded.empty()) trusted.pem = pem_of(encoded, in_.find(*item, "pem_b64"), at("trusted_certs", i, "pem_b64"));
      values_.trusted_certs.push_back(std::move(trusted));
      ++i;
    }
  }

  void read_authentication() {
    Authentication& policy = values_.authentication;
    const auto seconds = [&](const char* key) { return Seconds(in_.integer(std::string("openunison.authentication.") + key)); };
    policy.web_idle = Seconds(in_.integer("network.session_inactivity_timeout_seconds"));
    policy.absolute_lifetime = seconds("absolute_lifetime_seconds");
    policy.kubectl_idle = seconds("kubectl_idle_seconds");
    policy.group_refresh = seconds("group_refresh_seconds");
    policy.upstream_stale_limit = seconds("upstream_stale_limit_seconds");
    policy.token_life = seconds("token_life_seconds");
    policy.refuse_reuse_of_pasted = in_.string("openunison.authentication.refresh_token.on_reuse_of_pasted") == "refuse";
    policy.revoke_reuse_of_others = in_.string("openunison.authentication.refresh_token.on_reuse") == "revoke";
    policy.allowed_system_names = in_.strings("openunison.allowed_system_names");
  }

  // After non_secret_data may have changed the token's life.
  void settle_grace_period() {
    constexpr const char* kPath = "openunison.authentication.refresh_token.grace_period_millis";
    Authentication& policy = values_.authentication;
    std::int64_t grace = in_.integer(kPath);
    if (grace == 0) {
      in_.warning(in_.find(kPath), kPath, "0 counts as unset (30000): without a grace period parallel kubectl calls sign people out");
      grace = 30'000;
    }
    policy.grace_period = Millis(grace);
    const Millis longest = std::max<Millis>(policy.token_life - kGraceMargin, Millis(5'000));
    if (policy.grace_period > longest) {
      if (in_.find(kPath) != nullptr) in_.warning(in_.find(kPath), kPath, "is cut to the token's life less 15 s: " + std::to_string(longest.count()));
      policy.grace_period = longest;
    }
  }

  IdentityProvider read_oidc(const Yaml& item, std::string_view prefix, const std::string& shown) {
    IdentityProvider provider;
    const auto text = [&](std::string_view key) { return in_.string(item, prefix, key); };
    provider.label = text("label");
    provider.issuer = text("issuer");
    provider.auth_url = text("auth_url");
    provider.token_url = text("token_url");
    provider.userinfo_url = text("userinfo_url");
    provider.client_id = required(item, prefix, "client_id", shown + ".client_id");
    provider.scopes = text("scopes");
    provider.claims = {text("claims.sub"), text("claims.email"), text("claims.given_name"), text("claims.family_name"), text("claims.display_name"), text("claims.groups")};
    provider.user_in_id_token = in_.boolean(item, prefix, "user_in_idtoken");
    provider.force_authentication = in_.boolean(item, prefix, "forceauthentication");
    provider.domain = text("domain");
    provider.tenants = in_.strings(item, prefix, "tenants");
    provider.logout = text("logout") == "upstream" ? UpstreamLogout::upstream : UpstreamLogout::local;
    provider.http_proxy = text("http_proxy");
    provider.username_prefix = text("username_prefix");
    provider.groups_prefix = text("groups_prefix");
    const std::string profile = text(prefix == "oidc" ? "type" : "profile");
    provider.profile = profile == "okta"                            ? ProviderProfile::okta
                       : profile == "entra" || profile == "azuread" ? ProviderProfile::entra
                       : profile == "keycloak"                      ? ProviderProfile::keycloak
                       : profile == "google"                        ? ProviderProfile::google
                                                                    : ProviderProfile::generic;
    check_oidc(provider, item, shown);
    return provider;
  }

  void check_oidc(const IdentityProvider& provider, const Yaml& item, const std::string& shown) {
    const bool manual = !provider.auth_url.empty() || !provider.token_url.empty() || !provider.userinfo_url.empty();
    if (provider.issuer.empty() && !manual) {
      in_.error(&item, shown + ".issuer", "is missing: the provider's issuer URL (or auth_url, token_url and userinfo_url)");
    } else if (!provider.issuer.empty()) {
      check_url(provider.issuer, in_.find(item, "issuer"), shown + ".issuer", true);
    } else {
      for (const auto& [key, url] : {std::pair{"auth_url", &provider.auth_url}, std::pair{"token_url", &provider.token_url}, std::pair{"userinfo_url", &provider.userinfo_url}}) {
        if (url->empty()) {
          in_.error(&item, shown + "." + key, "is missing: without an issuer all three addresses are needed");
        } else {
          check_url(*url, in_.find(item, key), shown + "." + key, true);
        }
      }
    }
    if ((" " + provider.scopes + " ").find(" openid ") == std::string::npos) {
      in_.error(in_.find(item, "scopes"), shown + ".scopes", "must have the scope openid");
    }
    if (in_.find(item, "forceauthentication") == nullptr && shown == "oidc") {
      in_.warning(&item, "oidc.forceauthentication", "isn't written and counts as false here; OpenUnison's default was true");
    } else if (provider.force_authentication && values_.authentication.web_idle <= Seconds(900)) {
      in_.warning(in_.find(item, "forceauthentication"), shown + ".forceauthentication", "with web sessions this short people type their password many times a day");
    }
    if (!provider.http_proxy.empty() && !text::Url::parse_with_userinfo(provider.http_proxy)) {
      in_.error(in_.find(item, "http_proxy"), shown + ".http_proxy", "must look like http://host:port");
    }
  }

  void read_providers() {
    auto& all = values_.identity_providers;
    if (const Yaml* oidc = in_.find("oidc"); oidc != nullptr && oidc->kind == Yaml::Kind::map) {
      IdentityProvider provider = read_oidc(*oidc, "oidc", "oidc");
      provider.name = "oidc";
      provider.client_secret_name = "OIDC_CLIENT_SECRET";
      all.push_back(std::move(provider));
    }
    for (std::size_t i = 0; const Yaml* item : items("identity_providers")) {
      const std::string shown = at("identity_providers", i++, "");
      const bool local = in_.string(*item, "identity_providers[]", "type") == "local";
      IdentityProvider provider;
      if (local) {
        provider.kind = ProviderKind::local;
        provider.label = in_.string(*item, "identity_providers[]", "label");
        provider.username_prefix = in_.string(*item, "identity_providers[]", "username_prefix");
        provider.groups_prefix = in_.string(*item, "identity_providers[]", "groups_prefix");
      } else {
        provider = read_oidc(*item, "identity_providers[]", shown);
      }
      provider.name = required(*item, "identity_providers[]", "name", shown + ".name");
      if (!provider.name.empty() && !is_provider_name(provider.name)) in_.error(in_.find(*item, "name"), shown + ".name", "may have a-z, 0-9 and dashes, up to 32");
      provider.client_secret_name = "OIDC_CLIENT_SECRET_" + provider.name;
      all.push_back(std::move(provider));
    }
    if (all.empty()) {
      IdentityProvider local;
      local.name = "local";
      local.kind = ProviderKind::local;
      all.push_back(std::move(local));
    }
    finish_providers();
  }

  void finish_providers() {
    auto& all = values_.identity_providers;
    values_.shared_namespace = in_.boolean("identity_providers_share_namespace");
    const Yaml* where = in_.find("identity_providers");
    bool first_redirect = true;
    std::set<std::string> names;
    std::set<std::pair<std::string, std::string>> prefixes;
    std::size_t locals = 0;
    for (IdentityProvider& provider : all) {
      if (!names.insert(provider.name).second) in_.error(where, "identity_providers", "two of them have the name " + provider.name);
      if (!prefixes.emplace(provider.username_prefix, provider.groups_prefix).second && !values_.shared_namespace) {
        in_.error(where, "identity_providers", "several providers have the same username_prefix and groups_prefix, so a name from one could pass for the same name from another; give each its own, or write "
                                               "identity_providers_share_namespace: true");
      }
      locals += provider.kind == ProviderKind::local ? 1 : 0;
      if (provider.kind == ProviderKind::oidc) {
        provider.callback = std::exchange(first_redirect, false) ? "/auth/oidc" : "/auth/oidc/" + provider.name;
      }
    }
    if (locals > 1) in_.error(where, "identity_providers", "only one of them can be local");
  }

  void read_clusters() {
    Cluster first;
    first.name = in_.string("k8s_cluster_name");
    first.label = in_.string("k8s_cluster_label");
    first.k8s_url = in_.string("network.k8s_url");
    first.username_prefix = in_.string("network.k8s_username_prefix");
    first.groups_prefix = in_.string("network.k8s_groups_prefix");
    first.az_groups = in_.strings("az_groups");
    for (const TrustedCertificate& trusted : values_.trusted_certs) {
      if (trusted.name == "k8s-master") first.k8s_ca_pem = trusted.pem;
    }
    check_cluster(first, root_, "network.k8s_url", "k8s_cluster_name");
    values_.clusters.push_back(std::move(first));
    for (std::size_t i = 0; const Yaml* item : items("clusters")) {
      const std::string shown = at("clusters", i++, "");
      Cluster cluster;
      cluster.name = required(*item, "clusters[]", "name", shown + ".name");
      cluster.label = in_.string(*item, "clusters[]", "label");
      cluster.k8s_url = in_.string(*item, "clusters[]", "k8s_url");
      cluster.client_id = in_.string(*item, "clusters[]", "client_id");
      if (in_.boolean(*item, "clusters[]", "own_issuer")) cluster.issuer_path = "/auth/idp/" + cluster.name;
      if (cluster.client_id.empty()) cluster.client_id = "kubernetes-" + cluster.name;
      cluster.username_prefix = in_.string(*item, "clusters[]", "k8s_username_prefix");
      cluster.groups_prefix = in_.string(*item, "clusters[]", "k8s_groups_prefix");
      cluster.az_groups = in_.strings(*item, "clusters[]", "az_groups");
      const std::string ca = in_.string(*item, "clusters[]", "k8s_ca_pem_b64");
      if (!ca.empty()) cluster.k8s_ca_pem = pem_of(ca, in_.find(*item, "k8s_ca_pem_b64"), shown + ".k8s_ca_pem_b64");
      check_cluster(cluster, *item, shown + ".k8s_url", shown + ".name");
      for (const Cluster& other : values_.clusters) {
        if (other.name == cluster.name) in_.error(item, shown + ".name", "two clusters have this name");
        // Otherwise a token of one would be a credential of the other.
        if (other.client_id == cluster.client_id && other.issuer_path == cluster.issuer_path) in_.error(item, shown + ".client_id", "the cluster " + other.name + " has this client_id already; each needs its own, or own_issuer: true");
      }
      values_.clusters.push_back(std::move(cluster));
    }
  }

  void check_cluster(const Cluster& cluster, const Yaml& item, const std::string& url_key, const std::string& name_key) {
    if (!cluster.name.empty() && !is_plain_name(cluster.name, kMaxName)) in_.error(&item, name_key, "may have letters, digits, dots, dashes and underscores, up to 63");
    if (cluster.k8s_url.empty()) {
      in_.error(&item, url_key, "is missing: the API server's URL");
    } else {
      check_url(cluster.k8s_url, &item, url_key, true);
    }
    for (const std::string& prefix : {cluster.username_prefix, cluster.groups_prefix}) {
      if (prefix.find("system:") != std::string::npos) in_.error(&item, name_key, "a prefix may not contain system:");
    }
  }

  void read_apps() {
    std::set<std::string> names;
    for (std::size_t i = 0; const Yaml* item : items("openunison.apps")) {
      const std::string shown = at("openunison.apps", i++, "");
      const auto text = [&](std::string_view key) { return in_.string(*item, "openunison.apps[]", key); };
      Application app{required(*item, "openunison.apps[]", "name", shown + ".name"), text("label"), text("org"), text("description"),
                      required(*item, "openunison.apps[]", "badgeUrl", shown + ".badgeUrl"), text("icon"), in_.strings(*item, "openunison.apps[]", "az_groups")};
      if (!names.insert(app.name).second) in_.error(item, shown + ".name", "two applications have this name");
      if (!app.badge_url.empty()) check_url(app.badge_url, in_.find(*item, "badgeUrl"), shown + ".badgeUrl", false);
      const bool is_url = app.icon.empty() || app.icon.starts_with("https://") || app.icon.starts_with("data:image/");
      if (!is_url) app.icon = "data:image/png;base64," + app.icon;
      values_.apps.push_back(std::move(app));
    }
  }

  void check_redirect(const std::string& uri, const Client& client, const Yaml& item, const std::string& key) {
    const auto url = text::Url::parse(uri);
    if (!url) return in_.error(&item, key, uri + ": " + url.error().message());
    if (url->fragment) return in_.error(&item, key, uri + ": must not have a fragment");
    if (uri.find('*') != std::string::npos) return in_.error(&item, key, uri + ": patterns are not accepted; write each address out");
    const bool loopback = url->host == "localhost" || url->host == "127.0.0.1" || url->host == "::1";
    if (!url->is_https() && !(loopback && client.native)) in_.error(&item, key, uri + ": must be https (http only for loopback addresses of a native client)");
  }

  void read_clients() {
    std::set<std::string> ids;
    for (const Cluster& cluster : values_.clusters) ids.insert(cluster.client_id);
    for (std::size_t i = 0; const Yaml* item : items("openunison.clients")) {
      const std::string shown = at("openunison.clients", i++, "");
      Client client;
      client.client_id = required(*item, "openunison.clients[]", "client_id", shown + ".client_id");
      client.label = in_.string(*item, "openunison.clients[]", "label");
      client.is_public = in_.boolean(*item, "openunison.clients[]", "public");
      client.native = in_.boolean(*item, "openunison.clients[]", "native");
      client.redirect_uris = in_.strings(*item, "openunison.clients[]", "redirect_uris");
      client.post_logout_redirect_uris = in_.strings(*item, "openunison.clients[]", "post_logout_redirect_uris");
      client.az_groups = in_.strings(*item, "openunison.clients[]", "az_groups");
      if (!client.client_id.empty() && !is_plain_name(client.client_id, 128)) in_.error(item, shown + ".client_id", "may have letters, digits, dots, dashes and underscores");
      if (!ids.insert(client.client_id).second) in_.error(item, shown + ".client_id", "this client_id is taken, by a cluster or another client");
      if (client.redirect_uris.empty()) in_.error(item, shown + ".redirect_uris", "is missing: at least one address");
      for (const std::string& uri : client.redirect_uris) check_redirect(uri, client, *item, shown + ".redirect_uris");
      for (const std::string& uri : client.post_logout_redirect_uris) check_redirect(uri, client, *item, shown + ".post_logout_redirect_uris");
      values_.clients.push_back(std::move(client));
    }
  }

  void read_portal() {
    Branding& branding = values_.branding;
    branding.name = in_.string("openunison.portal.name");
    branding.logo_path = in_.string("openunison.portal.logo");
    branding.accent = in_.string("openunison.portal.accent");
    branding.help_contact = in_.string("openunison.portal.help_contact");
    if (!branding.accent.empty() && !is_colour(branding.accent)) in_.error(in_.find("openunison.portal.accent"), "openunison.portal.accent", "must look like #0b6e69");
    const bool image = branding.logo_path.empty() || branding.logo_path.ends_with(".svg") || branding.logo_path.ends_with(".png");
    if (!image) in_.error(in_.find("openunison.portal.logo"), "openunison.portal.logo", "must be an .svg or .png file");
  }

  void read_server() {
    values_.listen = in_.strings("server.listen");
    if (values_.listen.empty()) values_.listen = {"0.0.0.0:8443"};
    values_.management = in_.string("server.management");
    values_.plain_http = in_.boolean("server.plain_http");
    for (std::size_t i = 0; const Yaml* item : items("server.tls")) {
      values_.tls.push_back({required(*item, "server.tls[]", "cert", at("server.tls", i, "cert")), required(*item, "server.tls[]", "key", at("server.tls", i, "key"))});
      for (const std::string& name : {values_.tls.back().cert, values_.tls.back().key}) {
        if (name.find('/') != std::string::npos) in_.error(item, at("server.tls", i, ""), "must be a file's name inside the secrets directory");
      }
      ++i;
    }
    if (values_.tls.empty() && !values_.plain_http) values_.tls.push_back({"tls.crt", "tls.key"});
    values_.store = in_.string("server.store") == "memory" ? StoreKind::memory : StoreKind::sqlite;
    values_.jwks_max_age = Seconds(in_.integer("server.jwks.max_age_seconds"));
    values_.jwks_publish_ahead = Seconds(in_.integer("server.jwks.publish_ahead_seconds"));
    values_.key_rotate_every = std::chrono::days(in_.integer("server.jwks.rotate_every_days"));
    if (values_.jwks_publish_ahead < 2 * values_.jwks_max_age + Seconds(60)) {
      in_.error(in_.find("server.jwks.publish_ahead_seconds"), "server.jwks.publish_ahead_seconds",
                "must be at least twice max_age_seconds and 60: otherwise API servers refuse tokens of a new key");
    }
    values_.threads = static_cast<unsigned>(in_.integer("server.threads"));
    values_.log_level = in_.string("server.log_level");
    const auto limit = [&](const char* key) { return static_cast<std::uint64_t>(in_.integer(std::string("server.limits.") + key)); };
    values_.limits = {limit("header_bytes"), limit("header_count"), limit("body_bytes"), limit("target_bytes"), limit("header_timeout_seconds"), limit("idle_timeout_seconds"),
                      limit("first_byte_timeout_seconds"), limit("body_min_bytes_per_second"), limit("requests_in_flight"), limit("connections"), limit("connections_per_address"),
                      limit("drain_timeout_seconds")};
  }

  void read_non_secret_data() {
    const Yaml* data = in_.find("openunison.non_secret_data");
    const auto value = [&](const char* key) {
      const Yaml* entry = data != nullptr ? data->find(key) : nullptr;
      return entry != nullptr ? entry->scalar : std::string();
    };
    if (data != nullptr) {
      for (const Yaml::Entry& entry : data->entries) {
        static constexpr std::string_view kKnown[] = {"K8S_TOKEN_LIFE_MILLIS", "https.proxyHost", "https.proxyPort", "http.proxyHost", "http.proxyPort", "http.nonProxyHosts"};
        if (std::find(std::begin(kKnown), std::end(kKnown), entry.key) == std::end(kKnown)) {
          in_.warning(&entry.value, "openunison.non_secret_data." + entry.key, "is ignored: not needed here");
        }
      }
      if (const std::string life = value("K8S_TOKEN_LIFE_MILLIS"); !life.empty()) {
        const long long millis = life.size() <= 9 && life.find_first_not_of("0123456789") == std::string::npos ? std::stoll(life) : 0;
        if (millis < 20'000 || millis > 3'600'000) {
          in_.error(data, "openunison.non_secret_data.K8S_TOKEN_LIFE_MILLIS", "must be from 20000 to 3600000");
        } else if (in_.find("openunison.authentication.token_life_seconds") == nullptr) {
          values_.authentication.token_life = Seconds(millis / 1000);
        }
      }
      for (const char* scheme : {"https", "http"}) {
        const std::string host = value((std::string(scheme) + ".proxyHost").c_str()), port = value((std::string(scheme) + ".proxyPort").c_str());
        if (!host.empty() && values_.http_proxy.empty()) values_.http_proxy = "http://" + host + (port.empty() ? "" : ":" + port);
      }
      std::string hosts = value("http.nonProxyHosts");
      while (!hosts.empty()) {
        const std::size_t end = std::min(hosts.find('|'), hosts.size());
        if (end > 0) values_.no_proxy.push_back(hosts.substr(0, end));
        hosts.erase(0, std::min(end + 1, hosts.size()));
      }
    }
    settle_grace_period();
  }

  const Yaml& root_;
  Reader in_;
  Values values_;
};

}  // namespace

std::string Values::portal_origin() const {
  std::string origin = "https://" + portal_host;
  if (external_port != 443) origin += ":" + std::to_string(external_port);
  return origin;
}

std::string Problem::text() const {
  std::string out = file + ":" + std::to_string(position.line) + ":" + std::to_string(position.column) + ": " + (severity == Severity::error ? "error: " : "warning: ");
  if (!key.empty()) out += key + ": ";
  return out + message;
}

Parsed parse_values(std::string_view yaml, std::string file) {
  const auto root = text::Yaml::parse(yaml);
  if (!root) {
    // "line 3, column 7: why", as the parser says it.
    Problem problem{Severity::error, file, {1, 1}, "", root.error().message()};
    int line = 0, column = 0, used = 0;
    if (std::sscanf(problem.message.c_str(), "line %d, column %d: %n", &line, &column, &used) == 2) {
      problem.position = {line, column};
      problem.message.erase(0, static_cast<std::size_t>(used));
    }
    return {std::nullopt, {std::move(problem)}};
  }
  return Parser(*root, file).parse();
}

std::vector<Problem> check_secrets(const Values& values, const std::function<bool(const std::string&)>& exists) {
  std::vector<Problem> problems;
  const auto need = [&](const std::string& name, std::string key, std::string what) {
    if (!exists(name)) problems.push_back({Severity::error, values.file, {1, 1}, std::move(key), "the secret file " + name + " is missing: " + what});
  };
  need("OU_MASTER_KEY", "", "make it with: openssl rand -base64 32");
  for (const IdentityProvider& provider : values.identity_providers) {
    if (provider.kind == ProviderKind::oidc && !exists(provider.client_secret_name)) {
      problems.push_back({Severity::warning, values.file, {1, 1}, provider.name, "there is no secret file " + provider.client_secret_name + ": the provider must know this client as a public one"});
    }
    if (provider.kind == ProviderKind::local && !exists("users.yaml")) {
      problems.push_back({Severity::warning, values.file, {1, 1}, provider.name, "there is no users.yaml yet: add a user with openunison users add"});
    }
  }
  for (const Client& client : values.clients) {
    if (!client.is_public) need("CLIENT_" + client.client_id, "openunison.clients", "the secret of the client " + client.client_id);
  }
  for (const TlsFiles& file : values.tls) {
    need(file.cert, "server.tls", "the serving certificate");
    need(file.key, "server.tls", "the serving certificate's key");
  }
  return problems;
}

}  // namespace openunison::config
