// SPDX-License-Identifier: Apache-2.0
//
// How the portal looks and how the server runs, with the old names that say the same
// (openunison.non_secret_data).
#include <algorithm>
#include <charconv>

#include "config/checks.h"
#include "config/parser.h"
#include "text/ip.h"
#include "text/url.h"

namespace openunison::config {
namespace {

using text::Yaml;

constexpr std::int64_t kMinTokenLifeMillis = 20'000;
constexpr std::int64_t kMaxTokenLifeMillis = 3'600'000;
constexpr std::size_t kMaxProductName = 64;
constexpr const char* kData = "openunison.non_secret_data";
constexpr const char* kTokenLife = "openunison.authentication.token_life_seconds";
constexpr std::string_view kHonouredData[] = {"K8S_TOKEN_LIFE_MILLIS", "https.proxyHost",
                                              "https.proxyPort",       "http.proxyHost",
                                              "http.proxyPort",        "http.nonProxyHosts"};

std::string scalar_of(const Yaml& data, std::string_view key) {
  const Yaml* value = data.find(key);
  return value != nullptr ? value->scalar : std::string();
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// A written share beyond this part of the whole is warned of.
constexpr std::uint64_t kAddressesThatFill = 4;

}  // namespace

// A browser opens half a dozen connections and asks for as many things at once.
std::uint64_t share_of_an_address(std::uint64_t whole) {
  constexpr std::uint64_t kAddresses = 16, kLeast = 8;
  return std::min(whole, std::max(whole / kAddresses, kLeast));
}

void Parser::read_portal() {
  constexpr const char* kName = "openunison.portal.name";
  constexpr const char* kLogo = "openunison.portal.logo";
  constexpr const char* kAccent = "openunison.portal.accent";
  constexpr const char* kContact = "openunison.portal.help_contact";
  constexpr const char* kDownloads = "openunison.portal.plugin_downloads";
  Branding& branding = values_.branding;
  branding = {in_.string(kName), in_.string(kLogo), in_.string(kAccent), in_.string(kContact),
              in_.string(kDownloads)};
  if (branding.name.empty() || branding.name.size() > kMaxProductName)
    error(root(), kName, "must have 1 to 64 bytes");
  if (!branding.accent.empty() && !is_colour(branding.accent))
    error(root(), kAccent, "must look like \"#0b6e69\"");
  const bool is_image =
      branding.logo_path.ends_with(".svg") || branding.logo_path.ends_with(".png");
  if (!branding.logo_path.empty() && (!is_image || !is_file_name(branding.logo_path))) {
    error(root(), kLogo, "must be the name of an .svg or .png file beside the values file");
  }
  if (branding.help_contact.find("://") != std::string::npos) {
    const auto url = text::Url::parse(branding.help_contact);
    if (!url || !url->is_https())
      error(root(), kContact, "must be text, a mail address or an https URL");
  }
}

void Parser::read_server() {
  values_.listen = in_.strings("server.listen");
  if (values_.listen.empty()) values_.listen = {"0.0.0.0:8443"};
  for (std::size_t i = 0; i < values_.listen.size(); ++i) {
    if (!is_socket_address(values_.listen[i]))
      error_at(root(), "server.listen", i,
               "must be an IP address and a port, such as 0.0.0.0:8443 or [::]:8443");
  }
  values_.management = in_.string("server.management");
  if (!is_socket_address(values_.management)) {
    error(root(), "server.management", "must be an IP address and a port, such as 127.0.0.1:8081");
  } else if (std::ranges::find(values_.listen, values_.management) != values_.listen.end() &&
             !values_.management.ends_with(":0")) {
    error(root(), "server.management",
          "is in server.listen too; the management address must be another one");
  }
  values_.store = in_.string("server.store") == "memory" ? StoreKind::memory : StoreKind::sqlite;
  values_.threads = static_cast<unsigned>(in_.integer("server.threads"));
  values_.log_level = in_.string("server.log_level");
  read_tls();
  read_proxies();
  read_jwks();
  read_limits();
  read_replicas();
  read_metrics_access();
}

void Parser::read_tls() {
  values_.plain_http = in_.boolean("server.plain_http");
  for (const Item& item : items("server.tls")) {
    for (const char* key : {"cert", "key"}) {
      const std::string name = required(item, key, "a file's name inside the secrets directory");
      if (!name.empty() && !is_file_name(name))
        error(item, key, "must be a file's name inside the secrets directory");
    }
    values_.tls.push_back({string(item, "cert"), string(item, "key")});
  }
  if (values_.plain_http && !values_.tls.empty()) {
    error(root(), "server.plain_http",
          "contradicts server.tls: write tls: [] or plain_http: false");
  }
  if (values_.tls.empty() && !values_.plain_http) values_.tls.push_back({"tls.crt", "tls.key"});
}

void Parser::read_proxies() {
  constexpr const char* kTrusted = "server.trusted_proxies";
  constexpr const char* kProtocol = "server.proxy_protocol";
  const std::vector<std::string> trusted = in_.strings(kTrusted);
  for (std::size_t i = 0; i < trusted.size(); ++i) {
    const auto range = text::IpRange::parse(trusted[i]);
    if (range) {
      values_.trusted_proxies.push_back(*range);
    } else {
      error_at(root(), kTrusted, i,
               "must be an IP address or a range such as 10.0.0.0/8 or 2001:db8::/32, without bits "
               "behind the prefix");
    }
  }
  values_.proxy_protocol = in_.boolean(kProtocol);
  if (values_.proxy_protocol && trusted.empty())
    error(root(), kProtocol, "needs server.trusted_proxies: whose connections begin with it");
  const bool beyond_loopback = !std::ranges::all_of(
      values_.listen, [](const std::string& each) { return is_loopback_address(each); });
  if (values_.plain_http && values_.tls.empty() && trusted.empty() && beyond_loopback) {
    warning(root(), "server.plain_http",
            "without server.trusted_proxies, and with server.listen beyond loopback: whoever gets "
            "past the proxy that ends TLS sends passwords and tokens in the clear, and all people "
            "behind it are one address; name it, or listen on a loopback address");
  }
  const std::string field = in_.string("server.forwarded_field");
  values_.forwarded_field = field == "Forwarded" ? ForwardedField::forwarded
                            : field == "none"    ? ForwardedField::none
                                                 : ForwardedField::x_forwarded_for;
}

void Parser::read_jwks() {
  constexpr const char* kAhead = "server.jwks.publish_ahead_seconds";
  constexpr const char* kRotate = "server.jwks.rotate_every_days";
  values_.jwks_max_age = Seconds(in_.integer("server.jwks.max_age_seconds"));
  values_.jwks_publish_ahead = Seconds(in_.integer(kAhead));
  values_.key_rotate_every = std::chrono::days(in_.integer(kRotate));
  const Seconds least = 2 * values_.jwks_max_age + Seconds(60);
  if (values_.jwks_publish_ahead < least) {
    error(root(), kAhead,
          "must be at least twice max_age_seconds and 60 (" + std::to_string(least.count()) +
              "): otherwise API servers refuse tokens of a new key");
  }
  if (values_.key_rotate_every > Seconds(0) &&
      values_.key_rotate_every <= values_.jwks_publish_ahead) {
    error(root(), kRotate,
          "must be longer than publish_ahead_seconds: otherwise a key is followed before it ever "
          "signs");
  }
}

void Parser::read_limits() {
  const auto limit = [&](const char* key) {
    return static_cast<std::uint64_t>(in_.integer(std::string("server.limits.") + key));
  };
  // Unless it is written, the share of one address is no more than a sixteenth of the whole:
  // whoever makes the whole small doesn't mean that one may have all of it.
  const auto share = [&](const char* key, const char* whole_key, std::uint64_t whole) {
    const std::uint64_t own = limit(key);
    const std::string path = std::string("server.limits.") + key;
    if (!written(root(), path)) return std::min(own, share_of_an_address(whole));
    if (own > whole / kAddressesThatFill && own > share_of_an_address(whole))
      warning(root(), path,
              "is more than a quarter of server.limits." + std::string(whole_key) + ", " +
                  std::to_string(whole) + ": so few addresses can keep everybody else out");
    return own;
  };
  LimitsValues& limits = values_.limits;
  limits.target_bytes = limit("target_bytes");
  limits.header_bytes = limit("header_bytes");
  limits.header_count = limit("header_count");
  limits.body_bytes = limit("body_bytes");
  limits.first_byte_timeout_seconds = limit("first_byte_timeout_seconds");
  limits.handshake_timeout_seconds = limit("handshake_timeout_seconds");
  limits.header_timeout_seconds = limit("header_timeout_seconds");
  limits.idle_timeout_seconds = limit("idle_timeout_seconds");
  limits.rate_grace_seconds = limit("rate_grace_seconds");
  limits.body_min_bytes_per_second = limit("body_min_bytes_per_second");
  limits.write_min_bytes_per_second = limit("write_min_bytes_per_second");
  limits.requests_in_flight = limit("requests_in_flight");
  limits.requests_in_flight_per_address =
      share("requests_in_flight_per_address", "requests_in_flight", limits.requests_in_flight);
  limits.requests = limit("requests");
  limits.requests_per_address = share("requests_per_address", "requests", limits.requests);
  limits.connections = limit("connections");
  limits.connections_per_address =
      share("connections_per_address", "connections", limits.connections);
  limits.handshakes = limit("handshakes");
  limits.handshakes_per_address = share("handshakes_per_address", "handshakes", limits.handshakes);
  limits.held_body_bytes = limit("held_body_bytes");
  limits.held_body_bytes_per_address =
      share("held_body_bytes_per_address", "held_body_bytes", limits.held_body_bytes);
  limits.requests_per_connection = limit("requests_per_connection");
  limits.pushed_requests = limit("pushed_requests");
  limits.pushed_requests_per_address = limit("pushed_requests_per_address");
  limits.device_requests = limit("device_requests");
  limits.device_requests_per_address = limit("device_requests_per_address");
  limits.logout_notices = limit("logout_notices");
  limits.streams_per_connection = limit("streams_per_connection");
  limits.body_silence_timeout_seconds = limit("body_silence_timeout_seconds");
  limits.waiting_bytes_per_connection = limit("waiting_bytes_per_connection");
  limits.password_attempts = limit("password_attempts");
  limits.password_attempts_per_address = limit("password_attempts_per_address");
  limits.password_attempts_per_user = limit("password_attempts_per_user");
  limits.password_checks_waiting = limit("password_checks_waiting");
  limits.drain_timeout_seconds = limit("drain_timeout_seconds");
  limits.identity_provider_waiting = limit("identity_provider_waiting");
}

void Parser::read_replicas() {
  constexpr const char* kReplicas = "openunison.replicas";
  if (in_.integer(kReplicas) <= 1) return;
  error(root(), kReplicas,
        std::string("is refused: the ") +
            (values_.store == StoreKind::memory ? "memory" : "sqlite") +
            " store belongs to one process, so replicas wouldn't know each other's sessions; write "
            "1");
}

// OpenUnison asks Prometheus for its service account's token; here only loopback stands for that.
void Parser::read_metrics_access() {
  constexpr const char* kAccount = "monitoring.prometheus_service_account";
  const std::string account = in_.string(kAccount);
  if (account.empty() || !is_socket_address(values_.management)) return;
  if (is_loopback_address(values_.management)) {
    warning(root(), kAccount,
            "isn't asked for: /metrics is only on server.management, " + values_.management +
                ", which nothing outside reaches");
  } else {
    error(root(), kAccount,
          "is refused: /metrics on server.management, " + values_.management +
              ", asks for no token, so more than that account could read it; restrict the port "
              "with a NetworkPolicy and remove this key, or let management be a loopback address");
  }
}

void Parser::read_non_secret_data() {
  const Yaml* data = in_.find(kData);
  if (data == nullptr) return;
  if (data->kind != Yaml::Kind::map) return error(root(), kData, "must be a map");
  for (const Yaml::Entry& entry : data->entries) {
    const std::string shown = std::string(kData) + "." + shown_text(entry.key);
    if (std::ranges::find(kHonouredData, entry.key) == std::end(kHonouredData)) {
      in_.warning(entry.position, shown, "is ignored. This program has no use for it.");
    } else if (entry.value.kind != Yaml::Kind::scalar && entry.value.kind != Yaml::Kind::null) {
      in_.error(entry.value.position, shown, "must be text");
    }
  }
  read_token_life(*data);
  read_proxy(*data);
}

void Parser::read_token_life(const Yaml& data) {
  const Yaml* written_life = data.find("K8S_TOKEN_LIFE_MILLIS");
  if (written_life == nullptr || written_life->kind != Yaml::Kind::scalar) return;
  const std::string key = std::string(kData) + ".K8S_TOKEN_LIFE_MILLIS";
  const std::string& text = written_life->scalar;
  std::int64_t millis = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), millis);
  const bool whole = failed == std::errc() && end == text.data() + text.size();
  if (!whole || millis < kMinTokenLifeMillis || millis > kMaxTokenLifeMillis) {
    return in_.error(written_life->position, key, "must be from 20000 to 3600000");
  }
  if (written(root(), kTokenLife)) {
    return in_.warning(written_life->position, key,
                       std::string("isn't used: ") + kTokenLife + " is written too and counts");
  }
  values_.authentication.token_life = Seconds(millis / 1000);
}

// Java's system properties. What goes out is https, so that proxy comes first.
void Parser::read_proxy(const Yaml& data) {
  for (const std::string scheme : {"https", "http"}) {
    const std::string host = scalar_of(data, scheme + ".proxyHost");
    const std::string port = scalar_of(data, scheme + ".proxyPort");
    if (host.empty()) continue;
    const std::string url = "http://" + host + (port.empty() ? "" : ":" + port);
    const auto parsed = text::Url::parse(url);
    if (!parsed || !parsed->path.empty() || parsed->query || parsed->fragment) {
      in_.error(data.find(scheme + ".proxyHost")->position,
                std::string(kData) + "." + scheme + ".proxyHost",
                "host and port must make a URL such as http://proxy.example.com:3128");
    }
    if (values_.http_proxy.empty()) values_.http_proxy = url;
  }
  constexpr const char* kNoProxy = "http.nonProxyHosts";
  values_.no_proxy = split(scalar_of(data, kNoProxy), '|');
  for (const std::string& entry : values_.no_proxy) {
    if (entry.find('*', entry.starts_with("*") ? 1 : 0) == std::string::npos &&
        (!entry.starts_with("*") || entry == "*" || entry.starts_with("*.")))
      continue;
    in_.warning(data.find(kNoProxy)->position, std::string(kData) + "." + kNoProxy,
                shown_text(entry) + " matches nothing: * is known only alone and as *.domain");
  }
}

}  // namespace openunison::config
