// SPDX-License-Identifier: Apache-2.0
//
// Values: what values.yaml says, parsed and validated: every field holds a legal value. The schema
// behind it (schema.h) is the one description of every key: parsing, `openunison check`,
// values.schema.json and the reference page are made from it. Immutable; shared by pointer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "text/ip.h"
#include "text/url.h"
#include "text/yaml.h"

namespace openunison::config {

// The name under which trusted_certs has what kubeconfigs and API servers trust the portal by.
inline constexpr std::string_view kPortalAuthority = "unison-ca";

// The client id of `kubectl oulogin`, at the first cluster's issuer: nobody else's.
inline constexpr std::string_view kCommandLineClient = "kubectl-oulogin";

struct TrustedCertificate {
  std::string name;
  std::string pem;  // decoded from pem_b64
};

// Names of the claims that carry each attribute.
struct ClaimNames {
  std::string sub = "sub";
  std::string email = "email";
  std::string given_name = "given_name";
  std::string family_name = "family_name";
  std::string display_name = "name";
  std::string groups = "groups";
};

enum class ProviderKind { oidc, local };
enum class ProviderProfile { generic, okta, entra, keycloak, google };
enum class UpstreamLogout { local, upstream };

struct IdentityProvider {
  std::string name;   // [a-z0-9-]{1,32}; "oidc" for the plain oidc: block, "local" for users.yaml
  std::string label;  // on the sign-in page; "" only for built-in users
  ProviderKind kind = ProviderKind::oidc;
  std::string callback;  // "/auth/oidc" for the first or only one, "/auth/oidc/NAME" for others
  std::string username_prefix;  // of mapped user names
  std::string groups_prefix;
  // kind oidc:
  ProviderProfile profile = ProviderProfile::generic;
  std::string issuer;                             // as written
  std::string auth_url, token_url, userinfo_url;  // instead of an issuer's discovery
  std::string client_id;
  std::string client_secret_name;  // file in --secrets: OIDC_CLIENT_SECRET, or per provider
                                   // OIDC_CLIENT_SECRET_<NAME>
  std::string scopes = "openid email profile groups";
  ClaimNames claims;
  bool user_in_id_token = true;       // false: groups and attributes only from userinfo
  bool force_authentication = false;  // prompt=login upstream
  std::string domain;                 // only users of this mail/hosted domain; empty: any
  std::vector<std::string> tenants;   // Entra tenant ids that may sign in
  UpstreamLogout logout = UpstreamLogout::local;
  std::string http_proxy;  // "http://host:port"

  // By its issuer too, for it has rules of its own whether the type was written or not.
  bool is_google() const {
    return profile == ProviderProfile::google || issuer == "https://accounts.google.com" ||
           issuer == "https://accounts.google.com/";
  }
};

// Which of the groups that arrive are passed on.
struct GroupsFilter {
  std::vector<std::string> include;  // patterns with '*'; empty: all
  std::vector<std::string> exclude;
};

struct Cluster {
  std::string name;  // k8s_cluster_name; in paths and kubeconfigs
  std::string label;
  std::string k8s_url;
  std::string k8s_ca_pem;  // trusted_certs "k8s-master", may be empty
  std::string issuer_path =
      "/auth/idp/k8sIdp";  // of the first; others "/auth/idp/NAME" unless they share the issuer
  std::string client_id = "kubernetes";  // the audience of its tokens
  std::string username_prefix =
      "-";  // as the API server is set; "-" none, "" its default (issuer#)
  std::string groups_prefix;
  std::vector<std::string> az_groups;  // who may use it; empty: everyone who may sign in
};

struct Application {
  std::string name, label, org, description, badge_url, icon;
  std::vector<std::string> az_groups;
};

struct Client {
  std::string client_id;
  std::string label;
  bool is_public = false;                              // else its secret is the file CLIENT_<id>
  std::vector<std::string> redirect_uris;              // exact
  std::vector<std::string> post_logout_redirect_uris;  // exact
  std::vector<std::string> az_groups;
  bool native = false;                   // loopback redirects with any port
  bool require_pushed_requests = false;  // RFC 9126 only
  bool device_authorization = false;     // RFC 8628
  std::string backchannel_logout_uri;    // https, or http for loopback; empty: none
  bool logout_names_session = true;      // backchannel_logout_session_required
};

// Programs (jobs in a cluster, workflows) that exchange a token of another issuer for one of ours.
struct Workload {
  std::string name;                                         // in audit lines and metrics
  std::string issuer;                                       // "iss" of its tokens, byte for byte
  std::string jwks_uri;                                     // empty: by the issuer's discovery
  std::string audience;                                     // that its tokens must have
  std::vector<std::string> subjects;                        // patterns with '*'; empty: nobody
  std::vector<std::pair<std::string, std::string>> claims;  // that must have exactly these values
  std::string username_prefix;  // ends in ':' or '/'; no person's name begins with it
  std::vector<std::string> groups;
  std::vector<std::string> clusters;  // names; empty: none
};

struct TlsFiles {
  std::string cert, key;  // relative to --secrets
};

// Which field the trusted proxies write.
enum class ForwardedField { none, x_forwarded_for, forwarded };
enum class StoreKind { memory, sqlite };
enum class SigningAlgorithm { rs256, es256 };

// What they mean, and their defaults: http/limits.h.
struct LimitsValues {
  std::uint64_t target_bytes = 0;
  std::uint64_t header_bytes = 0;
  std::uint64_t header_count = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t first_byte_timeout_seconds = 0;
  std::uint64_t handshake_timeout_seconds = 0;
  std::uint64_t header_timeout_seconds = 0;
  std::uint64_t idle_timeout_seconds = 0;
  std::uint64_t rate_grace_seconds = 0;
  std::uint64_t body_min_bytes_per_second = 0;
  std::uint64_t body_silence_timeout_seconds = 0;
  std::uint64_t write_min_bytes_per_second = 0;
  std::uint64_t requests_in_flight = 0;
  std::uint64_t requests_in_flight_per_address = 0;
  std::uint64_t requests = 0;
  std::uint64_t requests_per_address = 0;
  std::uint64_t connections = 0;
  std::uint64_t connections_per_address = 0;
  std::uint64_t handshakes = 0;
  std::uint64_t handshakes_per_address = 0;
  std::uint64_t held_body_bytes = 0;
  std::uint64_t held_body_bytes_per_address = 0;
  std::uint64_t requests_per_connection = 0;
  std::uint64_t streams_per_connection = 0;
  std::uint64_t waiting_bytes_per_connection = 0;
  std::uint64_t drain_timeout_seconds = 0;
  std::uint64_t identity_provider_waiting = 0;  // identity/connectors.h
  // Of built-in users: identity/attempts.h.
  std::uint64_t password_attempts = 0;
  std::uint64_t password_attempts_per_address = 0;
  std::uint64_t password_attempts_per_user = 0;
  std::uint64_t password_checks_waiting = 0;
  // Of the provider: oidc/pushed_requests.h, oidc/device_requests.h, oidc/backchannel_logout.h.
  std::uint64_t pushed_requests = 0;
  std::uint64_t pushed_requests_per_address = 0;
  std::uint64_t device_requests = 0;
  std::uint64_t device_requests_per_address = 0;
  std::uint64_t logout_notices = 0;
};

// What one address may have of `whole` of something where values don't say it.
std::uint64_t share_of_an_address(std::uint64_t whole);

struct Branding {
  std::string name = "OpenUnison";  // openunison.portal.name
  std::string logo_path;            // a file beside the values file: .svg or .png, ≤ 256 KiB
  std::string accent;               // "#rrggbb"
  std::string help_contact;         // whom to ask for access: text or mail address or https URL
  // A folder with what `make package` made, absolute or beside the values file; empty: none.
  std::string plugin_downloads;
};

struct Authentication {
  Seconds absolute_lifetime{43'200};
  Seconds web_idle{900};         // network.session_inactivity_timeout_seconds
  Seconds kubectl_idle{43'200};  // where the upstream's standing can be re-read; else web_idle
  Seconds group_refresh{300};
  bool device_authorization = true;           // kubectl oulogin may be let in by a code (RFC 8628)
  bool kubectl_device_authorization = false;  // and so may the clusters' own clients
  bool password_from_command_line = false;    // of built-in users, by kubectl oulogin
  bool command_line = true;  // kubectl oulogin: its client, /api/account, token exchange
  Seconds upstream_stale_limit{3'600};
  Seconds token_life{60};              // 20..3600
  Millis grace_period{30'000};         // never over token_life - 15 s
  bool refuse_reuse_of_pasted = true;  // false: revoke those families on reuse too
  bool revoke_reuse_of_others = true;  // false: only refuse
  std::vector<std::string>
      allowed_system_names;  // exact system: users and groups that may be passed on
};

struct Values {
  std::string file;         // for messages
  std::string portal_host;  // network.openunison_host, lower case
  std::uint16_t external_port = 443;
  std::string portal_origin() const;  // "https://host[:port]"
  // branding.plugin_downloads as a path; "" where there is none.
  std::string plugin_downloads_folder() const;
  // The certificates of that name in trusted_certs, PEM; "" if there are none.
  std::string trusted_pem(std::string_view name) const;
  std::string issuer(const Cluster& cluster) const { return portal_origin() + cluster.issuer_path; }

  std::vector<TrustedCertificate> trusted_certs;
  std::vector<IdentityProvider> identity_providers;  // ≥ 1
  bool shared_namespace = false;                     // several providers may have equal prefixes
  std::vector<std::string> az_groups;  // az_groups + extra_az_groups: who may sign in at all
  GroupsFilter groups_filter;
  std::vector<Cluster> clusters;  // ≥ 1; [0] from the top-level keys
  std::vector<Application> apps;
  std::vector<Client> clients;
  std::vector<Workload> workloads;
  Authentication authentication;
  SigningAlgorithm signing_algorithm = SigningAlgorithm::rs256;
  Branding branding;

  std::vector<std::string> listen;  // "127.0.0.1:8443"
  std::string management = "127.0.0.1:8081";
  bool plain_http = false;  // server.tls: [] together with server.plain_http: true
  std::vector<TlsFiles> tls;
  std::vector<text::IpRange> trusted_proxies;
  bool proxy_protocol = false;  // their connections begin with a PROXY header
  ForwardedField forwarded_field = ForwardedField::x_forwarded_for;
  StoreKind store = StoreKind::sqlite;
  Seconds jwks_max_age{300};
  Seconds jwks_publish_ahead{86'400};
  Seconds key_rotate_every{0};
  LimitsValues limits;
  unsigned threads = 0;  // 0: one per processor, at most 4
  std::string log_level = "info";
  std::string http_proxy;  // for everything outgoing; openunison.non_secret_data.http(s).proxyHost
  std::vector<std::string> no_proxy;
};

enum class Severity { error, warning };

struct Problem {
  Severity severity;
  std::string file;         // may be empty where the message names one
  text::Position position;  // line 0: of the file as a whole
  std::string key;          // "oidc.issuer"
  std::string message;      // what is wrong and what to do

  // "values.yaml:12:3: error: oidc.isuer: unknown key; did you mean oidc.issuer?"
  std::string text() const;
};

struct Parsed {
  std::optional<Values> values;   // absent if there is any error
  std::vector<Problem> problems;  // in file order
};

// All problems at once, not only the first. Pure.
Parsed parse_values(std::string_view yaml, std::string file);

// Checks that need the --secrets directory: that the files that the values name exist and are used
// rightly. `exists(name)` tells whether such a file is there.
std::vector<Problem> check_secrets(const Values& values,
                                   const std::function<bool(const std::string&)>& exists);

// values.schema.json and docs/reference/values.md, from the schema.
std::string json_schema();
std::string reference_markdown();

}  // namespace openunison::config
