// SPDX-License-Identifier: Apache-2.0
//
// The identity providers (docs/design.md): the plain oidc: block, the list, or the
// built-in users.
#include <algorithm>
#include <set>
#include <utility>

#include "config/checks.h"
#include "config/parser.h"
#include "text/url.h"
#include "text/words.h"

namespace openunison::config {
namespace {

using text::Yaml;

constexpr Seconds kShortSession{3'600};
constexpr const char* kList = "identity_providers";
constexpr const char* kShare = "identity_providers_share_namespace";
constexpr std::string_view kOidcOnly[] = {
    "profile", "issuer",          "auth_url", "token_url", "userinfo_url",        "client_id",
    "scopes",  "user_in_idtoken", "domain",   "claims",    "forceauthentication", "logout",
    "tenants", "http_proxy"};

ProviderProfile profile_of(std::string_view name) {
  if (name == "okta") return ProviderProfile::okta;
  if (name == "entra" || name == "azuread") return ProviderProfile::entra;
  if (name == "keycloak") return ProviderProfile::keycloak;
  if (name == "google") return ProviderProfile::google;
  return ProviderProfile::generic;
}

// What the sign-in page calls a provider whose label isn't written.
std::string label_of(const IdentityProvider& provider) {
  switch (provider.profile) {
    case ProviderProfile::okta:
      return "Okta";
    case ProviderProfile::entra:
      return "Microsoft Entra ID";
    case ProviderProfile::keycloak:
      return "Keycloak";
    case ProviderProfile::google:
      return "Google";
    case ProviderProfile::generic:
      break;
  }
  const auto url = text::Url::parse(provider.issuer.empty() ? provider.auth_url : provider.issuer);
  return url ? url->host : std::string();
}

}  // namespace

void Parser::read_providers() {
  auto& all = values_.identity_providers;
  if (const Yaml* oidc = in_.find("oidc"); oidc != nullptr && oidc->kind == Yaml::Kind::map) {
    const Item item{oidc, "oidc", "oidc", in_.key_position("oidc")};
    IdentityProvider provider = read_oidc(item);
    provider.name = "oidc";
    provider.client_secret_name = "OIDC_CLIENT_SECRET";
    all.push_back(std::move(provider));
    provider_items_.push_back(item);
  }
  for (const Item& item : items(kList)) {
    IdentityProvider provider =
        string(item, "type") == "local" ? read_local(item) : read_oidc(item);
    provider.name = required(item, "name", "a-z, 0-9 and dashes, up to 32");
    if (provider.kind == ProviderKind::oidc) {
      provider.client_secret_name = "OIDC_CLIENT_SECRET_" + provider.name;
    }
    all.push_back(std::move(provider));
    provider_items_.push_back(item);
  }
  if (all.empty()) {
    if (!written(root(), "oidc") && !written(root(), kList)) {
      warning(root(), "oidc",
              "isn't written, so people sign in as the built-in users of users.yaml");
    }
    IdentityProvider local;
    local.name = "local";
    local.kind = ProviderKind::local;
    all.push_back(std::move(local));
  }
  values_.shared_namespace = in_.boolean(kShare);
  check_provider_names();
  check_provider_namespaces();
  give_callbacks();
}

IdentityProvider Parser::read_oidc(const Item& item) {
  IdentityProvider provider;
  const auto text = [&](std::string_view key) { return string(item, key); };
  provider.issuer = text("issuer");
  provider.auth_url = text("auth_url");
  provider.token_url = text("token_url");
  provider.userinfo_url = text("userinfo_url");
  provider.client_id = required(item, "client_id", "the client id that the provider gave");
  provider.scopes = text("scopes");
  provider.claims = {text("claims.sub"),          text("claims.email"),
                     text("claims.given_name"),   text("claims.family_name"),
                     text("claims.display_name"), text("claims.groups")};
  provider.user_in_id_token = boolean(item, "user_in_idtoken");
  provider.force_authentication = boolean(item, "forceauthentication");
  provider.domain = text("domain");
  provider.tenants = strings(item, "tenants");
  provider.logout = text("logout") == "upstream" ? UpstreamLogout::upstream : UpstreamLogout::local;
  provider.http_proxy = text("http_proxy");
  provider.username_prefix = text("username_prefix");
  provider.groups_prefix = text("groups_prefix");
  provider.profile = profile_of(text(item.prefix == "oidc" ? "type" : "profile"));
  provider.label = text("label");
  if (provider.label.empty()) provider.label = label_of(provider);
  check_endpoints(provider, item);
  check_oidc(provider, item);
  check_force_authentication(provider, item);
  check_offline_access(provider, item);
  check_provider_prefixes(provider, item);
  return provider;
}

IdentityProvider Parser::read_local(const Item& item) {
  IdentityProvider provider;
  provider.kind = ProviderKind::local;
  provider.label = string(item, "label");
  provider.username_prefix = string(item, "username_prefix");
  provider.groups_prefix = string(item, "groups_prefix");
  for (const std::string_view key : kOidcOnly) {
    if (written(item, key))
      error(item, key,
            "is only for type oidc, so it would restrict or change nothing here; remove it");
  }
  check_provider_prefixes(provider, item);
  return provider;
}

void Parser::check_endpoints(const IdentityProvider& provider, const Item& item) {
  const std::pair<const char*, const std::string*> endpoints[] = {
      {"auth_url", &provider.auth_url},
      {"token_url", &provider.token_url},
      {"userinfo_url", &provider.userinfo_url}};
  const bool any =
      std::ranges::any_of(endpoints, [](const auto& each) { return !each.second->empty(); });
  if (provider.issuer.empty() && !any) {
    return error(item, "issuer",
                 "is missing: the provider's issuer URL (or auth_url, token_url and userinfo_url)");
  }
  if (!provider.issuer.empty()) {
    check_https(item, "issuer", provider.issuer);
    for (const auto& [key, url] : endpoints) {
      if (!url->empty())
        warning(item, key, "isn't used: with an issuer, addresses come from its discovery");
    }
    return;
  }
  for (const auto& [key, url] : endpoints) {
    if (url->empty()) {
      error(item, key, "is missing: without an issuer all three addresses are needed");
      continue;
    }
    const auto parsed = text::Url::parse(*url);
    if (!parsed || !parsed->is_https() || parsed->fragment)
      error(item, key, "must be an https URL without a fragment");
  }
}

void Parser::check_oidc(const IdentityProvider& provider, const Item& item) {
  if (!text::has_word(provider.scopes, "openid"))
    error(item, "scopes", "must have the scope openid");
  if (provider.claims.sub.empty())
    error(item, "claims.sub", "is empty: it must name the claim that becomes the user name");
  if (!provider.domain.empty() && !is_host_name(provider.domain)) {
    error(item, "domain", "must be one domain alone, such as example.com");
  }
  for (std::size_t i = 0; i < provider.tenants.size(); ++i) {
    if (!is_guid(provider.tenants[i]))
      error_at(item, "tenants", i,
               "must be a tenant's id, such as 72f988bf-0000-4000-8000-2d7cd011db47");
  }
  if (!provider.http_proxy.empty()) {
    const auto proxy = text::Url::parse_with_userinfo(provider.http_proxy);
    const bool good = proxy && !proxy->is_https() && (proxy->path.empty() || proxy->path == "/") &&
                      !proxy->query && !proxy->fragment;
    if (!good) error(item, "http_proxy", "must look like http://host:port");
  }
}

void Parser::check_force_authentication(const IdentityProvider& provider, const Item& item) {
  if (!written(item, "forceauthentication")) {
    if (item.prefix == "oidc")
      warning(item, "forceauthentication",
              "isn't written and counts as false here; OpenUnison's default was true");
  } else if (provider.force_authentication && values_.authentication.web_idle < kShortSession) {
    warning(item, "forceauthentication",
            "with web sessions of " + std::to_string(values_.authentication.web_idle.count()) +
                " s people type their password many times a day; false asks only when the provider "
                "wants it");
  }
}

// Without a refresh token nobody can be asked about a person who isn't there. Google's comes
// without the scope.
void Parser::check_offline_access(const IdentityProvider& provider, const Item& item) {
  if (provider.is_google() || text::has_word(provider.scopes, "offline_access")) return;
  warning(
      item, "scopes",
      "has no offline_access, without which most providers give no refresh token: that somebody "
      "left or changed groups then shows only at the next sign-in");
}

void Parser::check_provider_prefixes(const IdentityProvider& provider, const Item& item) {
  for (const auto& [key, prefix] : {std::pair{"username_prefix", &provider.username_prefix},
                                    std::pair{"groups_prefix", &provider.groups_prefix}}) {
    if (!is_prefix(*prefix)) error(item, key, "may have letters, digits and . _ : / @ # + -");
    // Every user and group would be refused after mapping.
    if (prefix->starts_with("system:"))
      error(item, key, "must not begin with system:, which belongs to Kubernetes");
  }
}

void Parser::check_provider_names() {
  const auto& all = values_.identity_providers;
  std::set<std::string> names;
  bool has_local = false;
  for (std::size_t i = 0; i < provider_items_.size(); ++i) {
    const Item& item = provider_items_[i];
    if (!all[i].name.empty() && !is_provider_name(all[i].name))
      error(item, "name", "may have a-z, 0-9 and dashes, up to 32");
    if (!names.insert(all[i].name).second)
      error(item, "name",
            "another identity provider has this name; the oidc block has the name oidc");
    if (all[i].kind != ProviderKind::local) continue;
    if (std::exchange(has_local, true))
      error(item, "type", "only one provider can be local: there is one users.yaml");
  }
}

// User names and group names are two namespaces, and each must tell the providers apart.
void Parser::check_provider_namespaces() {
  if (values_.shared_namespace) return;
  const auto& all = values_.identity_providers;
  const auto check = [&](const char* key, std::string IdentityProvider::* prefix,
                         const char* what) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < provider_items_.size(); ++i) {
      const std::string& mine = all[i].*prefix;
      if (!seen.insert(mine).second) {
        error(provider_items_[i], key,
              std::string("is that of another provider, so one's ") + what +
                  " could pass for the other's; give each its own, or write " + kShare + ": true");
      }
    }
    for (std::size_t i = 0; i < provider_items_.size(); ++i) {
      const std::string& mine = all[i].*prefix;
      const auto longer = seen.upper_bound(mine);  // what begins with it comes right after it
      if (longer != seen.end() && longer->starts_with(mine)) {
        warning(
            provider_items_[i], key,
            std::string("begins the prefix ") + *longer + " of another provider: " + what +
                " that arrive here with the rest of it in front could pass for that provider's");
      }
    }
  };
  check("username_prefix", &IdentityProvider::username_prefix, "users");
  check("groups_prefix", &IdentityProvider::groups_prefix, "groups");
}

void Parser::give_callbacks() {
  bool first = true;
  for (IdentityProvider& provider : values_.identity_providers) {
    if (provider.kind != ProviderKind::oidc) continue;
    provider.callback = std::exchange(first, false) ? "/auth/oidc" : "/auth/oidc/" + provider.name;
  }
}

}  // namespace openunison::config
