// SPDX-License-Identifier: Apache-2.0
//
// What good values files mean, and files that are nothing of the kind.
#include <random>

#include "config/values_fixture.h"
#include "http/limits.h"

namespace openunison::config {
namespace {

TEST(Values, DesignsExample) {
  const Parsed parsed = parse_values(read_all(data_path("design.yaml")), "design.yaml");
  ASSERT_TRUE(parsed.values) << texts(parsed.problems);
  EXPECT_EQ(texts(parsed.problems),
            "design.yaml:7:12: warning: network.k8s_url: no public authority gives certificates "
            "for such an address, so kubectl will refuse the API server: put its authority into "
            "trusted_certs under the name k8s-master (base64 -w0 < ca.pem)\n"
            "design.yaml:11:1: warning: oidc.forceauthentication: isn't written and counts as "
            "false here; OpenUnison's default was true\n");
  const Values& values = *parsed.values;
  EXPECT_EQ(values.file, "design.yaml");
  EXPECT_EQ(values.portal_origin(), "https://localhost:8443");
  ASSERT_EQ(values.clusters.size(), 1u);
  const Cluster& cluster = values.clusters[0];
  EXPECT_EQ(values.issuer(cluster), "https://localhost:8443/auth/idp/k8sIdp");
  EXPECT_EQ(cluster.name, "demo");
  EXPECT_EQ(cluster.client_id, "kubernetes");
  EXPECT_EQ(cluster.k8s_url, "https://127.0.0.1:6443");
  EXPECT_EQ(cluster.username_prefix, "-");
  EXPECT_EQ(cluster.groups_prefix, "");
  EXPECT_EQ(cluster.k8s_ca_pem, "");
  ASSERT_EQ(values.trusted_certs.size(), 1u);
  EXPECT_EQ(values.trusted_certs[0].name, "demo-ca");
  EXPECT_TRUE(values.trusted_certs[0].pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
  ASSERT_EQ(values.identity_providers.size(), 1u);
  const IdentityProvider& provider = values.identity_providers[0];
  EXPECT_EQ(provider.name, "oidc");
  EXPECT_EQ(provider.label, "127.0.0.1");
  EXPECT_EQ(provider.kind, ProviderKind::oidc);
  EXPECT_EQ(provider.callback, "/auth/oidc");
  EXPECT_EQ(provider.client_secret_name, "OIDC_CLIENT_SECRET");
  EXPECT_EQ(provider.scopes, "openid email profile groups offline_access");
  EXPECT_EQ(provider.claims.sub, "preferred_username");
  EXPECT_EQ(provider.claims.email, "email");
  EXPECT_TRUE(provider.user_in_id_token);
  EXPECT_FALSE(provider.force_authentication);
  EXPECT_TRUE(values.az_groups.empty());
  EXPECT_EQ(values.authentication.absolute_lifetime, Seconds(43'200));
  EXPECT_EQ(values.authentication.grace_period, Millis(30'000));
  EXPECT_EQ(values.listen, std::vector<std::string>{"127.0.0.1:8443"});
  EXPECT_EQ(values.management, "127.0.0.1:8081");
  EXPECT_EQ(values.store, StoreKind::sqlite);
  EXPECT_EQ(values.jwks_publish_ahead, Seconds(86'400));
}

TEST(Values, OpenUnisonsFile) {
  const Parsed parsed = parse_values(read_all(data_path("openunison.yaml")), "openunison.yaml");
  expect_golden(data_path("openunison.problems.txt"), texts(parsed.problems));
  ASSERT_TRUE(parsed.values);
  const Values& values = *parsed.values;
  EXPECT_EQ(values.az_groups, (std::vector<std::string>{"k8s-users", "k8s-admins"}));
  EXPECT_EQ(values.authentication.token_life, Seconds(120));
  EXPECT_EQ(values.authentication.grace_period, Millis(30'000));
  EXPECT_EQ(values.http_proxy, "http://proxy.example.com:3128");
  EXPECT_EQ(values.no_proxy, (std::vector<std::string>{"localhost", "*.example.com", "10.*"}));
  const IdentityProvider& provider = values.identity_providers.at(0);
  EXPECT_EQ(provider.issuer, "https://example.okta.com/");
  EXPECT_FALSE(provider.user_in_id_token);
  EXPECT_TRUE(provider.force_authentication);
  EXPECT_EQ(values.trusted_certs.at(0).name, "unison-ca");
  EXPECT_EQ(values.trusted_certs.at(0).pem, values.trusted_certs.at(1).pem);
  EXPECT_EQ(values.clusters.at(0).k8s_ca_pem, values.trusted_certs.at(1).pem);
  EXPECT_EQ(values.clusters.at(0).name, "production");
  const Application& app = values.apps.at(0);
  EXPECT_EQ(app.name, "grafana");
  EXPECT_EQ(app.org, "Observability");
  EXPECT_EQ(app.badge_url, "https://grafana.example.com/");
  EXPECT_EQ(app.az_groups, std::vector<std::string>{"k8s-admins"});
}

TEST(Values, OfflineAccessIsMissedOnlyWhereItMatters) {
  const auto said = [](const std::string& oidc) {
    const Parsed parsed = parse(
        "network: {openunison_host: a, k8s_url: https://k}\noidc: {issuer: https://i, client_id: "
        "c, "
        "forceauthentication: false, " +
        oidc + "}\n");
    return texts(parsed.problems).find("offline_access") != std::string::npos;
  };
  EXPECT_TRUE(said("scopes: openid groups"));
  EXPECT_FALSE(said("scopes: openid groups offline_access"));
  // It is asked for another way there.
  EXPECT_FALSE(said("scopes: openid, type: google"));
}

TEST(Values, SeveralProvidersAndClusters) {
  const Values values = parse_file("clusters.yaml");
  EXPECT_EQ(values.portal_origin(), "https://k8sou.example.com");
  ASSERT_EQ(values.identity_providers.size(), 3u);
  const IdentityProvider& first = values.identity_providers[0];
  EXPECT_EQ(first.name, "oidc");
  EXPECT_EQ(first.label, "Microsoft Entra ID");
  EXPECT_EQ(first.profile, ProviderProfile::entra);
  EXPECT_EQ(first.tenants, std::vector<std::string>{"11111111-2222-3333-4444-555555555555"});
  EXPECT_EQ(first.callback, "/auth/oidc");
  const IdentityProvider& partner = values.identity_providers[1];
  EXPECT_EQ(partner.label, "Partners");
  EXPECT_EQ(partner.callback, "/auth/oidc/partner");
  EXPECT_EQ(partner.client_secret_name, "OIDC_CLIENT_SECRET_partner");
  EXPECT_EQ(partner.username_prefix, "partner:");
  EXPECT_EQ(partner.logout, UpstreamLogout::upstream);
  const IdentityProvider& emergency = values.identity_providers[2];
  EXPECT_EQ(emergency.kind, ProviderKind::local);
  EXPECT_EQ(emergency.callback, "");
  EXPECT_EQ(emergency.groups_prefix, "emergency:");
  EXPECT_FALSE(values.shared_namespace);

  ASSERT_EQ(values.clusters.size(), 3u);
  const Cluster& production = values.clusters[0];
  EXPECT_EQ(production.label, "Production");
  EXPECT_EQ(production.username_prefix, "oidc:");
  EXPECT_EQ(production.az_groups, std::vector<std::string>{"production"});
  const Cluster& staging = values.clusters[1];
  EXPECT_EQ(staging.client_id, "kubernetes-staging");
  EXPECT_EQ(staging.username_prefix, "");
  EXPECT_EQ(values.issuer(staging), values.issuer(production));
  const Cluster& eu = values.clusters[2];
  EXPECT_EQ(eu.client_id, "kubernetes");
  EXPECT_EQ(values.issuer(eu), "https://k8sou.example.com/auth/idp/eu");
  EXPECT_EQ(eu.username_prefix, "-");
  EXPECT_EQ(eu.groups_prefix, "eu-");
  EXPECT_TRUE(eu.k8s_ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
  EXPECT_EQ(eu.az_groups, std::vector<std::string>{"eu-users"});

  ASSERT_EQ(values.clients.size(), 2u);
  EXPECT_EQ(values.clients[0].client_id, "wiki");
  EXPECT_EQ(values.clients[0].redirect_uris,
            (std::vector<std::string>{"https://wiki.example.com/callback",
                                      "http://127.0.0.1:3000/callback"}));
  EXPECT_EQ(values.clients[0].az_groups, std::vector<std::string>{"wiki"});
  EXPECT_FALSE(values.clients[0].is_public);
  EXPECT_TRUE(values.clients[1].is_public);
  EXPECT_TRUE(values.clients[1].native);
  EXPECT_EQ(values.groups_filter.include, std::vector<std::string>{"k8s-*"});
  EXPECT_EQ(values.groups_filter.exclude, std::vector<std::string>{"k8s-old"});
}

TEST(Values, DefaultsAreThoseOfTheStruct) {
  const Values values = values_of(std::string(kGood));
  const Authentication expected;
  const Authentication& policy = values.authentication;
  EXPECT_EQ(policy.absolute_lifetime, expected.absolute_lifetime);
  EXPECT_EQ(policy.web_idle, expected.web_idle);
  EXPECT_EQ(policy.kubectl_idle, expected.kubectl_idle);
  EXPECT_EQ(policy.group_refresh, expected.group_refresh);
  EXPECT_EQ(policy.upstream_stale_limit, expected.upstream_stale_limit);
  EXPECT_EQ(policy.token_life, expected.token_life);
  EXPECT_EQ(policy.grace_period, expected.grace_period);
  EXPECT_EQ(policy.refuse_reuse_of_pasted, expected.refuse_reuse_of_pasted);
  EXPECT_EQ(policy.revoke_reuse_of_others, expected.revoke_reuse_of_others);
  EXPECT_EQ(values.external_port, 443);
  EXPECT_EQ(values.clusters.at(0).name, "kubernetes");
  EXPECT_EQ(values.clusters.at(0).username_prefix, Cluster().username_prefix);
  EXPECT_EQ(values.signing_algorithm, SigningAlgorithm::rs256);
  EXPECT_EQ(values.branding.name, Branding().name);
  EXPECT_EQ(values.listen, std::vector<std::string>{"0.0.0.0:8443"});
  EXPECT_EQ(values.management, Values().management);
  ASSERT_EQ(values.tls.size(), 1u);
  EXPECT_EQ(values.tls[0].cert, "tls.crt");
  EXPECT_EQ(values.tls[0].key, "tls.key");
  EXPECT_EQ(values.jwks_max_age, Values().jwks_max_age);
  EXPECT_EQ(values.jwks_publish_ahead, Values().jwks_publish_ahead);
  EXPECT_EQ(values.key_rotate_every, Seconds(0));
  EXPECT_EQ(values.threads, 0u);
  EXPECT_EQ(values.log_level, Values().log_level);
}

// The edge's own defaults, so that the reference page tells the truth.
TEST(Values, LimitsWithoutAnyWrittenAreTheEdges) {
  const LimitsValues limits = values_of(good_and("")).limits;
  const http::Limits edge;
  EXPECT_EQ(limits.target_bytes, edge.target_bytes);
  EXPECT_EQ(limits.header_bytes, edge.header_bytes);
  EXPECT_EQ(limits.header_count, edge.header_count);
  EXPECT_EQ(limits.body_bytes, edge.body_bytes);
  EXPECT_EQ(Seconds(limits.first_byte_timeout_seconds), edge.first_byte_timeout);
  EXPECT_EQ(Seconds(limits.handshake_timeout_seconds), edge.handshake_timeout);
  EXPECT_EQ(Seconds(limits.header_timeout_seconds), edge.header_timeout);
  EXPECT_EQ(Seconds(limits.idle_timeout_seconds), edge.idle_timeout);
  EXPECT_EQ(Seconds(limits.rate_grace_seconds), edge.rate_grace);
  EXPECT_EQ(limits.body_min_bytes_per_second, edge.body_min_bytes_per_second);
  EXPECT_EQ(limits.write_min_bytes_per_second, edge.write_min_bytes_per_second);
  EXPECT_EQ(limits.requests_in_flight, edge.requests_in_flight);
  EXPECT_EQ(limits.connections, edge.connections);
  EXPECT_EQ(limits.connections_per_address, edge.connections_per_address);
  EXPECT_EQ(limits.requests_per_connection, edge.requests_per_connection);
  EXPECT_EQ(limits.password_attempts, 5u);
  EXPECT_EQ(limits.password_attempts_per_address, 30u);
  EXPECT_EQ(limits.password_attempts_per_user, 50u);
  EXPECT_EQ(limits.password_checks_waiting, 64u);
  EXPECT_EQ(Seconds(limits.body_silence_timeout_seconds), edge.body_silence);
  EXPECT_EQ(limits.waiting_bytes_per_connection, edge.waiting_bytes_per_connection);
  EXPECT_EQ(Seconds(limits.drain_timeout_seconds), edge.drain_timeout);
}

// Whoever makes the whole small, and writes no share, means no address to have all of it.
TEST(Values, AnAddressHasASixteenthOfTheWholeAtMostUnlessItIsWritten) {
  const LimitsValues small =
      values_of(good_and("server: {limits: {connections: 320, requests: 160, requests_in_flight: "
                         "64, handshakes: 4}}\n"))
          .limits;
  EXPECT_EQ(small.connections_per_address, 20u);
  EXPECT_EQ(small.requests_per_address, 10u);
  EXPECT_EQ(small.requests_in_flight_per_address, 8u) << "what one browser needs";
  EXPECT_EQ(small.handshakes_per_address, 4u) << "never more than the whole";
  const LimitsValues written =
      values_of(good_and("server: {limits: {connections: 320, connections_per_address: 80}}\n"))
          .limits;
  EXPECT_EQ(written.connections_per_address, 80u);
  const LimitsValues large =
      values_of(good_and("server: {limits: {connections: 100000}}\n")).limits;
  EXPECT_EQ(large.connections_per_address, 1024u) << "the default";
}

TEST(Values, EveryServerKeyArrives) {
  const Values values = values_of(good_and(
      "server:\n"
      "  listen: [\"[::]:1\", \"127.0.0.1:0\"]\n"
      "  plain_http: true\n"
      "  store: memory\n"
      "  jwks: {max_age_seconds: 10, publish_ahead_seconds: 80, rotate_every_days: 30}\n"
      "  threads: \"3\"\n"
      "  log_level: debug\n"
      "  limits: {target_bytes: 1001, header_bytes: 1025, header_count: 1003, body_bytes: 1024, "
      "first_byte_timeout_seconds: 1005, handshake_timeout_seconds: 1006,\n"
      "    header_timeout_seconds: 1007, idle_timeout_seconds: 1008, rate_grace_seconds: "
      "1009, body_min_bytes_per_second: 1010, write_min_bytes_per_second: 1011,\n"
      "    requests_in_flight: 1012, connections: 1013, connections_per_address: 1014, "
      "requests_per_connection: 1015, drain_timeout_seconds: 1016}\n"));
  EXPECT_EQ(values.listen, (std::vector<std::string>{"[::]:1", "127.0.0.1:0"}));
  EXPECT_TRUE(values.plain_http);
  EXPECT_TRUE(values.tls.empty());
  EXPECT_EQ(values.store, StoreKind::memory);
  EXPECT_EQ(values.jwks_max_age, Seconds(10));
  EXPECT_EQ(values.jwks_publish_ahead, Seconds(80));
  EXPECT_EQ(values.key_rotate_every, std::chrono::days(30));
  EXPECT_EQ(values.threads, 3u);
  EXPECT_EQ(values.log_level, "debug");
  const LimitsValues& limits = values.limits;
  EXPECT_EQ(
      (std::vector<std::uint64_t>{
          limits.target_bytes, limits.header_bytes, limits.header_count, limits.body_bytes,
          limits.first_byte_timeout_seconds, limits.handshake_timeout_seconds,
          limits.header_timeout_seconds, limits.idle_timeout_seconds, limits.rate_grace_seconds,
          limits.body_min_bytes_per_second, limits.write_min_bytes_per_second,
          limits.requests_in_flight, limits.connections, limits.connections_per_address,
          limits.requests_per_connection, limits.drain_timeout_seconds}),
      (std::vector<std::uint64_t>{1001, 1025, 1003, 1024, 1005, 1006, 1007, 1008, 1009, 1010, 1011,
                                  1012, 1013, 1014, 1015, 1016}));
}

TEST(Values, EveryOpenUnisonKeyOfOursArrives) {
  const Values values =
      values_of(good_and("openunison:\n"
                         "  signing_algorithm: ES256\n"
                         "  allowed_system_names: [\"system:monitoring\"]\n"
                         "  portal: {name: Acme, logo: acme.svg, accent: \"#0B6e69\", "
                         "help_contact: help@example.com, plugin_downloads: packages}\n"
                         "  authentication:\n"
                         "    absolute_lifetime_seconds: 3600\n"
                         "    kubectl_idle_seconds: 600\n"
                         "    command_line: false\n"
                         "    group_refresh_seconds: 20\n"
                         "    upstream_stale_limit_seconds: 30\n"
                         "    token_life_seconds: 20\n"
                         "    refresh_token: {grace_period_millis: 4000, on_reuse_of_pasted: "
                         "revoke, on_reuse: refuse}\n"
                         "  apps: [{name: a, badgeUrl: https://a.example.com, icon: aGVsbG8=}]\n"));
  EXPECT_EQ(values.signing_algorithm, SigningAlgorithm::es256);
  EXPECT_EQ(values.branding.name, "Acme");
  EXPECT_EQ(values.branding.logo_path, "acme.svg");
  EXPECT_EQ(values.branding.accent, "#0B6e69");
  EXPECT_EQ(values.branding.help_contact, "help@example.com");
  EXPECT_TRUE(values.plugin_downloads_folder().ends_with("packages"));
  EXPECT_EQ(Values().plugin_downloads_folder(), "");
  const Authentication& policy = values.authentication;
  EXPECT_EQ(policy.absolute_lifetime, Seconds(3600));
  EXPECT_EQ(policy.kubectl_idle, Seconds(600));
  EXPECT_FALSE(policy.command_line);
  EXPECT_TRUE(Authentication().command_line);
  EXPECT_EQ(policy.group_refresh, Seconds(20));
  EXPECT_EQ(policy.upstream_stale_limit, Seconds(30));
  EXPECT_EQ(policy.token_life, Seconds(20));
  EXPECT_EQ(policy.grace_period, Millis(4000));
  EXPECT_FALSE(policy.refuse_reuse_of_pasted);
  EXPECT_FALSE(policy.revoke_reuse_of_others);
  EXPECT_EQ(policy.allowed_system_names, std::vector<std::string>{"system:monitoring"});
  EXPECT_EQ(values.apps.at(0).icon, "data:image/png;base64,aGVsbG8=");
}

TEST(Values, WorkloadsAsTheyAreWritten) {
  const Values values = values_of(
      good_and("openunison:\n"
               "  allowed_system_names: [\"system:monitoring\"]\n"
               "  workloads:\n"
               "  - {name: ci, issuer: https://i.example/, jwks_uri: https://i.example/k, "
               "audience: ou, subjects: [\"a:*\", b], claims: {x: \"1\", y: true}, "
               "username_prefix: \"ci:\", groups: [g, \"system:monitoring\"], clusters: "
               "[kubernetes]}\n"));
  ASSERT_EQ(values.workloads.size(), 1u);
  const Workload& workload = values.workloads.front();
  EXPECT_EQ(workload.name, "ci");
  EXPECT_EQ(workload.issuer, "https://i.example/");
  EXPECT_EQ(workload.jwks_uri, "https://i.example/k");
  EXPECT_EQ(workload.audience, "ou");
  EXPECT_EQ(workload.subjects, (std::vector<std::string>{"a:*", "b"}));
  using Claims = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(workload.claims, (Claims{{"x", "1"}, {"y", "true"}}));
  EXPECT_EQ(workload.username_prefix, "ci:");
  EXPECT_EQ(workload.groups, (std::vector<std::string>{"g", "system:monitoring"}));
  EXPECT_EQ(workload.clusters, std::vector<std::string>{"kubernetes"});
}

TEST(Values, GracePeriodKeepsFifteenSecondsFromTheTokensEnd) {
  const auto grace = [](const std::string& inner) {
    return values_of(good_and("openunison: {authentication: {" + inner + "}}\n"))
        .authentication.grace_period;
  };
  EXPECT_EQ(grace("token_life_seconds: 60"), Millis(30'000));
  EXPECT_EQ(grace("token_life_seconds: 40"), Millis(25'000));
  EXPECT_EQ(grace("token_life_seconds: 20"), Millis(5'000));
  EXPECT_EQ(grace("token_life_seconds: 60, refresh_token: {grace_period_millis: 50000}"),
            Millis(45'000));
  EXPECT_EQ(grace("token_life_seconds: 300, refresh_token: {grace_period_millis: 0}"),
            Millis(30'000));
}

TEST(Values, NullIsNotWritten) {
  const Values values = values_of(
      "network:\n  openunison_host: a\n  k8s_url: https://k\n  k8s_username_prefix:\n  "
      "k8s_groups_prefix: ~\n"
      "identity_providers: [{name: local, type: local}]\n"
      "oidc:\nopenunison:\nclusters: null\n");
  EXPECT_EQ(values.clusters.at(0).username_prefix, "-");
  ASSERT_EQ(values.identity_providers.size(), 1u);
  EXPECT_EQ(values.identity_providers[0].name, "local");
}

TEST(Values, FirstUpstreamHasThePlainCallbackEvenAfterALocalOne) {
  const Values values = values_of(
      "network: {openunison_host: a, k8s_url: https://k}\n"
      "identity_providers:\n"
      "- {name: people, type: local, username_prefix: x, groups_prefix: x}\n"
      "- {name: one, issuer: https://i, client_id: c, username_prefix: y, groups_prefix: y, "
      "profile: keycloak}\n"
      "- {name: two, auth_url: https://i/a, token_url: https://i/t, userinfo_url: https://i/u, "
      "client_id: c, username_prefix: z, groups_prefix: z}\n");
  EXPECT_EQ(values.identity_providers.at(0).callback, "");
  EXPECT_EQ(values.identity_providers.at(1).callback, "/auth/oidc");
  EXPECT_EQ(values.identity_providers.at(1).label, "Keycloak");
  EXPECT_EQ(values.identity_providers.at(1).client_secret_name, "OIDC_CLIENT_SECRET_one");
  EXPECT_EQ(values.identity_providers.at(2).callback, "/auth/oidc/two");
  EXPECT_EQ(values.identity_providers.at(2).label, "i");
  EXPECT_EQ(values.identity_providers.at(2).token_url, "https://i/t");
}

TEST(Values, HttpProxyCountsWhereThereIsNoneForHttps) {
  const auto proxy = [](const std::string& inner) {
    return values_of(good_and("openunison: {non_secret_data: {" + inner + "}}\n")).http_proxy;
  };
  EXPECT_EQ(proxy("http.proxyHost: a, http.proxyPort: 3128"), "http://a:3128");
  EXPECT_EQ(proxy("http.proxyHost: a"), "http://a");
  EXPECT_EQ(proxy("http.proxyHost: a, https.proxyHost: b, https.proxyPort: \"1\""), "http://b:1");
  EXPECT_EQ(proxy(""), "");
}

TEST(Values, ProblemsText) {
  const Problem problem{Severity::error,
                        "values.yaml",
                        {12, 3},
                        "oidc.isuer",
                        "unknown key; did you mean oidc.issuer?"};
  EXPECT_EQ(problem.text(),
            "values.yaml:12:3: error: oidc.isuer: unknown key; did you mean oidc.issuer?");
  const Problem without_key{Severity::warning, "v", {1, 1}, "", "x"};
  EXPECT_EQ(without_key.text(), "v:1:1: warning: x");
}

// Whatever the bytes are, the answer is an error, and no line of it would steer a terminal.
TEST(Values, GarbageEndsInAnError) {
  constexpr std::size_t kMegabyte = 1 << 20;
  std::vector<std::string> files = {std::string(kMegabyte, 'a'), std::string(kMegabyte, '['),
                                    std::string(kMegabyte, '\0'), std::string(kMegabyte, ' ') + "x",
                                    std::string("a: \xff")};
  std::string unknown, lists = "clusters:\n";
  for (int i = 0; unknown.size() < kMegabyte - 100; ++i)
    unknown += "key" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  while (lists.size() < kMegabyte - 100) lists += "- {name: a, k8s_url: https://a}\n";
  files.push_back(unknown);
  files.push_back(lists);
  std::mt19937 random(7);
  for (const std::string_view alphabet :
       {std::string_view("a: \n-[]{},#\"'|>&*!%@`?"), std::string_view("abcdefgh :\n")}) {
    std::string noise;
    while (noise.size() < kMegabyte) noise += alphabet[random() % alphabet.size()];
    files.push_back(std::move(noise));
  }
  std::string bytes;
  while (bytes.size() < kMegabyte) bytes += static_cast<char>(random());
  files.push_back(std::move(bytes));
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Parsed parsed = parse(files[i]);
    EXPECT_FALSE(parsed.values) << i;
    EXPECT_TRUE(std::ranges::any_of(parsed.problems, [](const Problem& problem) {
      return problem.severity == Severity::error;
    })) << i;
    for (const Problem& problem : parsed.problems) {
      ASSERT_EQ(problem.text().find_first_of(std::string_view("\0\x1b\n\r", 4)), std::string::npos)
          << i;
      ASSERT_LT(problem.text().size(), 1'000u) << i;
      ASSERT_GE(problem.position.line, 1) << i;
      ASSERT_GE(problem.position.column, 1) << i;
    }
  }
}

// Every prefix of good files: an error or values, never a crash.
TEST(Values, CutFiles) {
  for (const char* name : {"design.yaml", "clusters.yaml"}) {
    const std::string text = read_all(data_path(name));
    for (std::size_t size = 0; size < text.size(); size += 7) {
      const Parsed parsed = parse(std::string_view(text).substr(0, size));
      const bool error = std::ranges::any_of(parsed.problems, [](const Problem& problem) {
        return problem.severity == Severity::error;
      });
      ASSERT_NE(parsed.values.has_value(), error) << name << " " << size;
    }
  }
}

}  // namespace
}  // namespace openunison::config
