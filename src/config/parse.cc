// SPDX-License-Identifier: Apache-2.0
//
// From a values file to Values: the way in, and the keys about the network, trust, lifetimes and
// who may sign in.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/base64.h"
#include "config/checks.h"
#include "config/parser.h"
#include "crypto/x509.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::config {
namespace {

using text::Yaml;

constexpr Seconds kGraceMargin{15};
constexpr Millis kShortestGrace{5'000};
constexpr std::int64_t kDefaultGraceMillis = 30'000;
constexpr const char* kGraceKey = "openunison.authentication.refresh_token.grace_period_millis";

std::string joined(const std::string& shown, std::string_view key) {
  if (shown.empty()) return std::string(key);
  return key.empty() ? shown : shown + "." + std::string(key);
}

}  // namespace

Parsed Parser::parse() {
  in_.check();
  if (root_.kind != Yaml::Kind::map && root_.kind != Yaml::Kind::null) {
    return {std::nullopt, in_.take_problems()};
  }
  read_network();
  read_trusted_certificates();
  read_authentication();
  read_access();
  read_non_secret_data();
  read_providers();
  read_clusters();
  read_apps();
  read_clients();
  read_workloads();
  read_portal();
  read_server();
  settle_grace_period();
  check_lifetimes();

  Parsed parsed;
  const bool good = !in_.has_errors();
  parsed.problems = in_.take_problems();
  if (good) parsed.values = std::move(values_);
  return parsed;
}

std::vector<Parser::Item> Parser::items(const std::string& path) const {
  std::vector<Item> all;
  const Yaml* list = in_.find(path);
  if (list == nullptr) return all;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    if (list->items[i].kind != Yaml::Kind::map) continue;  // reported by the reader
    all.push_back({&list->items[i], path + "[]", path + "[" + std::to_string(i) + "]",
                   list->items[i].position});
  }
  return all;
}

void Parser::error(const Item& item, std::string_view key, std::string message) {
  in_.error(in_.position(*item.yaml, key, item.at), joined(item.shown, key), std::move(message));
}

void Parser::warning(const Item& item, std::string_view key, std::string message) {
  in_.warning(in_.position(*item.yaml, key, item.at), joined(item.shown, key), std::move(message));
}

void Parser::error_at(const Item& item, std::string_view key, std::size_t index,
                      std::string message) {
  const Yaml* list = in_.find(*item.yaml, key);
  const bool there = list != nullptr && index < list->items.size();
  in_.error(there ? list->items[index].position : in_.position(*item.yaml, key, item.at),
            joined(item.shown, key) + "[" + std::to_string(index) + "]", std::move(message));
}

std::string Parser::required(const Item& item, std::string_view key, std::string_view why) {
  std::string value = string(item, key);
  if (value.empty()) error(item, key, "is missing: " + std::string(why));
  return value;
}

void Parser::check_https(const Item& item, std::string_view key, const std::string& url) {
  const auto parsed = text::Url::parse(url);
  if (!parsed) return error(item, key, parsed.error().message());
  if (!parsed->is_https()) return error(item, key, "must be an https URL");
  if (parsed->query || parsed->fragment) error(item, key, "must not have a query or a fragment");
}

std::string Parser::certificates(const Item& item, std::string_view key) {
  std::string base64 = string(item, key);
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (base64.empty()) return {};
  const auto pem = base64_decode(base64);
  if (!pem) {
    error(item, key, "is not base64; make it with: base64 -w0 < ca.pem");
    return {};
  }
  // It would be handed to everyone who gets a kubeconfig.
  if (pem->find("PRIVATE KEY") != std::string::npos) {
    error(item, key,
          "holds a private key; only certificates belong here, and that key is no longer secret");
    return {};
  }
  const auto read = crypto::read_certificates(*pem);
  if (!read) {
    error(item, key, read.error().message());
    return {};
  }
  return *pem;
}

void Parser::read_network() {
  constexpr const char* kHost = "network.openunison_host";
  const std::string host =
      required(root(), kHost, "the portal's host name, such as k8sou.example.com");
  if (!host.empty() && !is_host_name(host)) {
    error(root(), kHost, "must be a host name alone, such as k8sou.example.com");
  }
  values_.portal_host = text::ascii_lower(host);
  values_.external_port = static_cast<std::uint16_t>(in_.integer("network.external_port"));

  if (in_.boolean("enable_impersonation")) {
    error(root(), "enable_impersonation",
          "the impersonating API proxy isn't in this version; set the cluster up with openunison "
          "api-server-config and write false");
  } else if (written(root(), "network.api_server_host") &&
             !written(root(), "enable_impersonation")) {
    warning(root(), "enable_impersonation",
            "isn't written and counts as false here, while OpenUnison's chart had true: the "
            "cluster must trust this portal (openunison api-server-config)");
  }
}

void Parser::read_trusted_certificates() {
  std::set<std::string> names;
  for (const Item& item : items("trusted_certs")) {
    TrustedCertificate trusted;
    trusted.name = required(item, "name", "a unique name; unison-ca and k8s-master have a meaning");
    if (trusted.name == "k8s_master") {
      warning(item, "name", "is taken for k8s-master");
      trusted.name = "k8s-master";
    }
    if (!written(item, "pem_b64"))
      error(item, "pem_b64", "is missing: the certificates, PEM in base64");
    trusted.pem = certificates(item, "pem_b64");
    if (trusted.pem.empty()) error(item, "pem_b64", "is empty");
    if (!names.insert(trusted.name).second) error(item, "name", "two certificates have this name");
    values_.trusted_certs.push_back(std::move(trusted));
  }
}

void Parser::read_authentication() {
  Authentication& policy = values_.authentication;
  const auto seconds = [&](const char* key) {
    return Seconds(in_.integer(std::string("openunison.authentication.") + key));
  };
  policy.web_idle = Seconds(in_.integer("network.session_inactivity_timeout_seconds"));
  policy.absolute_lifetime = seconds("absolute_lifetime_seconds");
  policy.kubectl_idle = seconds("kubectl_idle_seconds");
  policy.group_refresh = seconds("group_refresh_seconds");
  policy.upstream_stale_limit = seconds("upstream_stale_limit_seconds");
  policy.token_life = seconds("token_life_seconds");
  policy.device_authorization = in_.boolean("openunison.authentication.device_authorization");
  policy.kubectl_device_authorization =
      policy.device_authorization &&
      in_.boolean("openunison.authentication.kubectl_device_authorization");
  policy.command_line = in_.boolean("openunison.authentication.command_line");
  policy.password_from_command_line =
      in_.boolean("openunison.authentication.password_from_command_line");
  const std::string reuse = "openunison.authentication.refresh_token.on_reuse";
  policy.refuse_reuse_of_pasted = in_.string(reuse + "_of_pasted") == "refuse";
  policy.revoke_reuse_of_others = in_.string(reuse) == "revoke";
}

void Parser::read_access() {
  values_.az_groups = in_.strings("openunison.az_groups");
  for (std::string& group : in_.strings("openunison.extra_az_groups")) {
    values_.az_groups.push_back(std::move(group));
  }
  values_.groups_filter = {in_.strings("openunison.groups_filter.include"),
                           in_.strings("openunison.groups_filter.exclude")};
  if (in_.string("openunison.signing_algorithm") == "ES256") {
    values_.signing_algorithm = SigningAlgorithm::es256;
  }
  constexpr const char* kSystemNames = "openunison.allowed_system_names";
  auto& names = values_.authentication.allowed_system_names;
  names = in_.strings(kSystemNames);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].starts_with("system:") || names[i].find('*') != std::string::npos) {
      error_at(root(), kSystemNames, i, "must be an exact name that begins with system:");
    }
  }
  if (std::ranges::find(names, "system:masters") != names.end()) {
    warning(root(), kSystemNames,
            "lets system:masters pass: whoever has that group upstream is above all RBAC rules");
  }
}

// After non_secret_data may have changed the token's life.
void Parser::settle_grace_period() {
  Authentication& policy = values_.authentication;
  std::int64_t grace = in_.integer(kGraceKey);
  if (grace == 0) {
    warning(root(), kGraceKey,
            "0 counts as unset: without a grace period parallel kubectl calls sign people out");
    grace = kDefaultGraceMillis;
  }
  const Millis longest = std::max<Millis>(policy.token_life - kGraceMargin, kShortestGrace);
  policy.grace_period = std::min(Millis(grace), longest);
  if (written(root(), kGraceKey) && Millis(grace) > longest) {
    warning(
        root(), kGraceKey,
        "is cut to " + std::to_string(longest.count()) + ": at most the token's life less 15 s");
  }
}

void Parser::check_lifetimes() {
  const Authentication& policy = values_.authentication;
  const bool has_local = std::ranges::any_of(values_.identity_providers, [](const auto& each) {
    return each.kind == ProviderKind::local;
  });
  if (policy.password_from_command_line && (!has_local || !policy.command_line)) {
    warning(root(), "openunison.authentication.password_from_command_line",
            has_local ? "has no effect: command_line is false"
                      : "has no effect: there are no built-in users, and passwords of others are "
                        "never taken");
  }
  const auto beyond = [&](const char* key, Seconds idle) {
    if (idle <= policy.absolute_lifetime || !written(root(), key)) return;
    warning(root(), key,
            "has no effect beyond absolute_lifetime_seconds (" +
                std::to_string(policy.absolute_lifetime.count()) + ")");
  };
  beyond("network.session_inactivity_timeout_seconds", policy.web_idle);
  beyond("openunison.authentication.kubectl_idle_seconds", policy.kubectl_idle);
  if (policy.upstream_stale_limit < policy.group_refresh) {
    error(root(), "openunison.authentication.upstream_stale_limit_seconds",
          "must be at least group_refresh_seconds: otherwise standing is stale before it is asked "
          "for again");
  }
}

std::string Values::trusted_pem(std::string_view name) const {
  const auto found = std::ranges::find(trusted_certs, name, &TrustedCertificate::name);
  return found != trusted_certs.end() ? found->pem : std::string();
}

std::string Values::plugin_downloads_folder() const {
  if (branding.plugin_downloads.empty()) return {};
  return (std::filesystem::path(file).parent_path() / branding.plugin_downloads).string();
}

std::string Values::portal_origin() const {
  std::string origin = "https://" + portal_host;
  if (external_port != 443) origin += ":" + std::to_string(external_port);
  return origin;
}

std::string Problem::text() const {
  std::string out = file;
  if (position.line > 0)
    out += ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
  if (!out.empty()) out += ": ";
  out += severity == Severity::error ? "error: " : "warning: ";
  if (!key.empty()) out += key + ": ";
  return out + message;
}

Parsed parse_values(std::string_view yaml, std::string file) {
  const auto root = text::Yaml::parse(yaml);
  if (root) return Parser(*root, file).parse();
  // "line 3, column 7: why", as text/yaml.h says it.
  Problem problem{Severity::error, std::move(file), {1, 1}, "", root.error().message()};
  int line = 0, column = 0, used = 0;
  if (std::sscanf(problem.message.c_str(), "line %d, column %d: %n", &line, &column, &used) == 2) {
    problem.position = {std::max(line, 1), std::max(column, 1)};
    problem.message.erase(0, static_cast<std::size_t>(used));
  }
  if (text::has_control(problem.message)) problem.message = shown_text(problem.message);
  return {std::nullopt, {std::move(problem)}};
}

}  // namespace openunison::config
