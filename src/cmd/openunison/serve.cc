// SPDX-License-Identifier: Apache-2.0
//
// `serve`: the composition root. Everything that runs is made here, by hand, in the order in which
// it depends on each other, and ends in the reverse order.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/clock_watch.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cmd/openunison/admin_service.h"
#include "cmd/openunison/commands.h"
#include "cmd/openunison/program_metrics.h"
#include "cmd/openunison/provider_health.h"
#include "cmd/openunison/secrets.h"
#include "cmd/openunison/secrets_check.h"
#include "cmd/openunison/upstreams.h"
#include "config/error.h"
#include "http/router.h"
#include "http/server.h"
#include "identity/workloads.h"
#include "jose/key_ring.h"
#include "net/files.h"
#include "oidc/provider.h"
#include "portal/portal.h"
#include "session/sign_in.h"
#include "store/continuity.h"
#include "store/stores.h"
#include "text/json.h"

namespace openunison::cmd {
namespace {

constexpr Millis kTickEvery{1'000};
constexpr Millis kSweepEvery{60'000};
constexpr Millis kCertificatesEvery{5'000};
constexpr Millis kUsersEvery{2'000};
constexpr Millis kNoticesDeadline{2'000};
constexpr unsigned kMaxDefaultThreads = 4;
constexpr Seconds kTicketKeyLife{12 * 3600};
constexpr std::size_t kLookupQueue = 1'000;
constexpr std::size_t kManagementConnections = 128;

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

http::Limits limits_of(const config::LimitsValues& values) {
  http::Limits limits;
  limits.target_bytes = values.target_bytes;
  limits.header_bytes = values.header_bytes;
  limits.header_count = values.header_count;
  limits.body_bytes = values.body_bytes;
  limits.first_byte_timeout = Seconds(values.first_byte_timeout_seconds);
  limits.handshake_timeout = Seconds(values.handshake_timeout_seconds);
  limits.header_timeout = Seconds(values.header_timeout_seconds);
  limits.idle_timeout = Seconds(values.idle_timeout_seconds);
  limits.rate_grace = Seconds(values.rate_grace_seconds);
  limits.body_min_bytes_per_second = values.body_min_bytes_per_second;
  limits.write_min_bytes_per_second = values.write_min_bytes_per_second;
  limits.requests_in_flight = values.requests_in_flight;
  limits.requests_in_flight_per_address = values.requests_in_flight_per_address;
  limits.requests = values.requests;
  limits.requests_per_address = values.requests_per_address;
  limits.connections = values.connections;
  limits.connections_per_address = values.connections_per_address;
  limits.handshakes = values.handshakes;
  limits.handshakes_per_address = values.handshakes_per_address;
  limits.held_body_bytes = values.held_body_bytes;
  limits.held_body_bytes_per_address = values.held_body_bytes_per_address;
  limits.requests_per_connection = values.requests_per_connection;
  limits.streams_per_connection = values.streams_per_connection;
  limits.body_silence = Seconds(values.body_silence_timeout_seconds);
  limits.waiting_bytes_per_connection = values.waiting_bytes_per_connection;
  limits.drain_timeout = Seconds(values.drain_timeout_seconds);
  return limits;
}

// Files that run out would take the store and the upstreams with them.
void fit_connections(http::Limits& limits) {
  const std::size_t files = net::raise_open_files();
  const std::size_t fit = net::connections_that_fit(files, limits.connections);
  if (fit < limits.connections) {
    log::warn(
        "fewer files may be open than server.limits.connections needs; fewer connections are "
        "taken: "
        "raise the hard limit of open files (ulimit -Hn, LimitNOFILE=)",
        {{"open_files", files}, {"wanted", limits.connections}, {"connections", fit}});
    limits.connections = fit;
    limits.connections_per_address =
        std::min<std::size_t>(limits.connections_per_address, config::share_of_an_address(fit));
  }
}

http::Proxies proxies_of(const config::Values& values) {
  http::Proxies proxies;
  proxies.trusted = values.trusted_proxies;
  proxies.proxy_protocol = values.proxy_protocol;
  switch (values.forwarded_field) {
    case config::ForwardedField::none:
      proxies.field = http::ForwardedField::none;
      break;
    case config::ForwardedField::forwarded:
      proxies.field = http::ForwardedField::forwarded;
      break;
    case config::ForwardedField::x_forwarded_for:
      break;
  }
  return proxies;
}

jose::KeyPolicy key_policy_of(const config::Values& values) {
  jose::KeyPolicy policy;
  if (values.signing_algorithm == config::SigningAlgorithm::es256)
    policy.algorithm = crypto::Algorithm::es256;
  policy.jwks_max_age = values.jwks_max_age;
  policy.publish_ahead = values.jwks_publish_ahead;
  policy.rotate_every = values.key_rotate_every;
  policy.token_life = values.authentication.token_life;
  return policy;
}

class Server {
 public:
  Server(config::Values values, SecretsDirectory secrets, std::string state_directory)
      : values_(std::make_shared<const config::Values>(std::move(values))),
        secrets_(std::move(secrets)),
        state_directory_(std::move(state_directory)),
        runtime_(values_->threads > 0
                     ? values_->threads
                     : std::clamp(std::thread::hardware_concurrency(), 1u, kMaxDefaultThreads)) {}

  Result<void> start() {
    TRY_VOID(secrets_.usable());
    for (const config::Problem& problem : secrets_.check(*values_)) {
      // Errors are said by what can't start without the file.
      if (problem.severity == config::Severity::warning)
        log::warn("a secret file has a warning", {{"reason", problem.text()}});
    }
    for (const config::Problem& problem : check_users_file(*values_, secrets_)) {
      const bool error = problem.severity == config::Severity::error;
      log::write(error ? log::Level::error : log::Level::warn,
                 error ? "a secret file has an error" : "a secret file has a warning",
                 {{"reason", problem.text()}});
    }
    TRY_VOID(make_state_directory());
    master_.emplace(TRY(secrets_.master_key()));
    const std::string keys_file = state_directory_ + "/keys.sealed";
    if (!std::filesystem::exists(keys_file))
      log::info("no signing keys yet; the first is made", {{"file", keys_file}});
    keys_ = TRY(jose::KeyRing::open(keys_file, *master_, key_policy_of(*values_), random_, clock_));
    TRY_VOID(open_store());
    TRY_VOID(make_connectors());
    sessions_.emplace(
        session::Dependencies{values_, store_.get(), &*connectors_, &*master_, &random_, &clock_});
    sign_in_.emplace(*sessions_, *connectors_, *master_);
    TRY_VOID(make_services());
    metrics_.emplace(*keys_, *values_);
    TRY_VOID(listen());
    start_housekeeping();
    return {};
  }

  void run() {
    runtime_.on_signal([this](int signal) {
      if (signal == SIGHUP) {
        reload_certificates(true);
      } else if (!stopping_.exchange(true)) {
        runtime_.spawn(0, shut_down());
      } else {
        runtime_.stop();
      }
    });
    runtime_.run();
    log::info("stopped");
  }

 private:
  // One level only: a mistyped path must not become a new, empty state somewhere else.
  Result<void> make_state_directory() {
    std::error_code failed;
    const bool there = std::filesystem::exists(state_directory_, failed);
    if (!there && std::filesystem::create_directory(state_directory_, failed))
      log::info("the state directory was made", {{"directory", state_directory_}});
    if (failed)
      return fail(config::Errc::bad_argument,
                  "--state: " + state_directory_ + " can't be made: " + failed.message());
    ::chmod(state_directory_.c_str(), 0700);
    auto usable = check_directory(state_directory_, R_OK | W_OK | X_OK);
    if (!usable) return std::unexpected(usable.error().with_context("--state"));
    return {};
  }

  // After the keys: a wrong OU_MASTER_KEY is said by them, and ends nobody's sessions.
  Result<void> open_store() {
    if (values_->store == config::StoreKind::memory) {
      store_ = store::memory_store();
      return {};
    }
    auto durable = TRY(store::sqlite_store(state_directory_ + "/sessions.db"));
    continuity_.emplace(*durable, state_directory_ + "/sessions.counter", *master_, random_);
    store_ = std::move(durable);
    TRY(runtime_.block_on(continuity_->start()));
    return {};
  }

  Result<void> make_connectors() {
    passwords_.emplace("password", 1, values_->limits.password_checks_waiting);
    Upstreams upstreams = TRY(make_upstreams(
        *values_, secrets_, {&runtime_, &*passwords_, &lookups_, &random_, &clock_}));
    clients_ = std::move(upstreams.clients);
    connectors_.emplace(std::move(upstreams.connectors));
    provider_health_.emplace(*connectors_);
    return {};
  }

  Result<void> make_services() {
    portal::PortalOptions options;
    options.max_target_bytes = values_->limits.target_bytes;
    options.portal_ca_pem = values_->trusted_pem(config::kPortalAuthority);
    const std::string& logo = values_->branding.logo_path;
    if (!logo.empty()) {
      options.logo =
          TRY(read_file((std::filesystem::path(values_->file).parent_path() / logo).string()));
      options.logo_type = logo.ends_with(".png") ? "image/png" : "image/svg+xml";
    }
    if (const std::string folder = values_->plugin_downloads_folder(); !folder.empty())
      options.downloads = TRY(portal::Downloads::read(folder, values_->portal_origin()));
    portal_ =
        TRY(portal::Portal::create(std::move(options), {&*sessions_, &*sign_in_, &*connectors_}));
    TRY_VOID(make_providers());

    auto router = std::make_shared<http::Router>();
    for (const auto& provider : providers_) {
      provider->mount(*router);
      portal_->add_return_targets(provider.get());
      portal_->add_device_approvals(provider.get());
    }
    if (workloads_) portal_->add_workloads(&*workloads_);
    portal_->mount(*router);
    auto hosts = std::make_shared<http::HostRouter>();
    hosts->add(values_->portal_host, router);
    public_service_ = hosts;
    return {};
  }

  // One provider an issuer path; the clusters that share it are its clients, and the first has
  // those of values as well.
  Result<void> make_providers() {
    std::vector<oidc::ProviderOptions> all;
    for (const config::Cluster& cluster : values_->clusters) {
      auto found = std::find_if(all.begin(), all.end(), [&](const oidc::ProviderOptions& each) {
        return each.path == cluster.issuer_path;
      });
      if (found == all.end()) {
        oidc::ProviderOptions options;
        options.issuer = values_->issuer(cluster);
        options.path = cluster.issuer_path;
        found = all.insert(all.end(), std::move(options));
      }
      found->clients.push_back(oidc::cluster_client(cluster));
      found->clients.back().may_wait_for_device =
          values_->authentication.kubectl_device_authorization;
      found->clients.back().may_exchange = values_->authentication.command_line;
    }
    if (values_->authentication.command_line) {
      all.front().clients.push_back(oidc::command_line_client());
      all.front().clients.back().may_wait_for_device = values_->authentication.device_authorization;
      all.front().clients.back().may_send_password =
          values_->authentication.password_from_command_line;
    }
    for (const config::Client& client : values_->clients) {
      auto secret = TRY(secrets_.read("CLIENT_" + client.client_id));
      if (!client.is_public && !secret) {
        return fail(config::Errc::bad_argument, secrets_.path_of("CLIENT_" + client.client_id) +
                                                    " is missing: the secret of the client " +
                                                    client.client_id);
      }
      all.front().clients.push_back(oidc::configured_client(client, secret ? *secret : Secret()));
    }
    // Tells clients of sign-outs, and asks issuers of programs' tokens for their keys.
    client_ = TRY(make_client(*values_, runtime_));
    const auto fetch = [client = client_.get()](http::ClientRequest request) {
      return client->fetch(std::move(request));
    };
    if (!values_->workloads.empty()) workloads_.emplace(values_, fetch, &clock_);
    for (oidc::ProviderOptions& options : all) {
      options.pushed.rows = values_->limits.pushed_requests;
      options.pushed.per_address = values_->limits.pushed_requests_per_address;
      options.devices.rows = values_->limits.device_requests;
      options.devices.per_address = values_->limits.device_requests_per_address;
      options.device_page = values_->portal_origin() + "/device";
      options.logout.limit = values_->limits.logout_notices;
      options.max_target_bytes = values_->limits.target_bytes;
      providers_.push_back(std::make_unique<oidc::Provider>(
          std::move(options),
          oidc::ProviderDependencies{&*sessions_, keys_.get(), &*master_, portal_.get(), fetch,
                                     workloads_ ? &*workloads_ : nullptr, &*sign_in_}));
    }
    return {};
  }

  Result<void> listen() {
    http::ServerOptions options;
    options.name = "portal";
    options.listen = values_->listen;
    options.limits = limits_of(values_->limits);
    fit_connections(options.limits);
    options.proxies = proxies_of(*values_);
    if (!values_->plain_http) {
      certificates_seen_ = secrets_.fingerprint(values_->tls);
      contexts_made_ = clock_.mono();
      const auto pairs = TRY(secrets_.certificates(values_->tls));
      options.tls = TRY(net::TlsServerContext::create(pairs, http::kAlpn));
      metrics_->set_certificates(pairs);
      warn_of_other_host(*options.tls);
    }
    auto started = http::Server::start(runtime_, std::move(options), public_service_);
    if (!started) return std::unexpected(started.error().with_context("server.listen"));
    public_server_ = std::move(*started);

    http::ServerOptions management;
    management.name = "management";
    management.listen = {values_->management};
    management.limits.connections = kManagementConnections;
    management.limits.connections_per_address = kManagementConnections / 4;
    auto managed = http::Server::start(runtime_, std::move(management), management_service());
    if (!managed) return std::unexpected(managed.error().with_context("server.management"));
    management_server_ = std::move(*managed);

    admin_service_ = admin_service(*sessions_, *keys_);
    admin_listener_ = TRY(net::Listener::open_unix(
        runtime_, admin_socket(state_directory_), [this](std::unique_ptr<net::Stream> stream) {
          return http::serve_connection(std::move(stream), *admin_service_, admin_limits_);
        }));
    for (std::size_t i = 0; i < values_->listen.size(); ++i) {
      log::info("listening", {{"address", values_->listen[i]},
                              {"port", public_server_->ports()[i]},
                              {"portal", values_->portal_origin()}});
    }
    return {};
  }

  std::shared_ptr<http::Service> management_service() {
    auto router = std::make_shared<http::Router>();
    const auto add = [&](const char* path,
                         Task<http::Response> (Server::*endpoint)(http::Request&)) {
      router->route({"GET"}, path, http::Handler([this, endpoint](http::Request& request) {
                      return (this->*endpoint)(request);
                    }));
    };
    add("/healthz", &Server::healthz);
    add("/readyz", &Server::readyz);
    add("/metrics", &Server::metrics);
    return router;
  }

  Task<http::Response> healthz(http::Request&) {
    co_return http::Response{200, {{"content-type", "text/plain; charset=utf-8"}}, "ok\n"};
  }

  Task<http::Response> metrics(http::Request&) {
    co_return http::Response{
        200, {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}}, metrics::expose()};
  }

  // Ready: sessions can be read and written. An identity provider that is away is said, but doesn't
  // take us out of service: people who are signed in go on working.
  Task<http::Response> readyz(http::Request&) {
    text::Json json;
    auto probe = co_await store_->probe();
    const bool ready = probe.has_value() && !stopping_;
    json.set("ready", ready);
    if (!probe) json.set("store", probe.error().message());
    if (continuity_ && !continuity_->notice().empty()) json.set("notice", continuity_->notice());
    if (stopping_) json.set("stopping", true);
    text::Json::Array providers = co_await provider_health_->look();
    json.set("identity_providers", text::Json(std::move(providers)));
    co_return http::Response{ready ? 200 : 503,
                             {{"content-type", "application/json"}, {"cache-control", "no-store"}},
                             json.dump() + "\n"};
  }

  void start_housekeeping() {
    runtime_.spawn(0, watch_clock());
    runtime_.spawn(0, tick_keys());
    runtime_.spawn(0, sweep_sessions());
    if (!values_->plain_http) runtime_.spawn(0, watch_certificates());
    for (const auto& connector : connectors_->all()) {
      if (connector->password() != nullptr) runtime_.spawn(0, watch_users(*connector));
    }
  }

  Task<void> tick_keys() {
    while (!stopping_) {
      auto ticked = keys_->tick();
      if (!ticked)
        log::error("the signing keys can't be moved along", {{"reason", ticked.error().message()}});
      co_await net::sleep_until(net::in(kTickEvery));
    }
  }

  // Has a mistake in users.yaml noticed when it is made, and not at the next sign-in.
  Task<void> watch_users(identity::Connector& connector) {
    while (!stopping_) {
      co_await connector.health(net::in(kUsersEvery));
      co_await net::sleep_until(net::in(kUsersEvery));
    }
  }

  Task<void> watch_clock() {
    while (!stopping_) {
      clock_watch_.look();
      co_await net::sleep_until(net::in(kTickEvery));
    }
  }

  Task<void> sweep_sessions() {
    while (!stopping_) {
      clock_watch_.look();
      if (clock_watch_.trusted()) co_await sessions_->sweep();
      co_await advance_continuity();
      co_await net::sleep_until(net::in(kSweepEvery));
    }
  }

  Task<void> advance_continuity() {
    if (continuity_) co_await continuity_->advance();  // says what fails
  }

  Task<void> watch_certificates() {
    while (!stopping_) {
      co_await net::sleep_until(net::in(kCertificatesEvery));
      // New contexts have new ticket keys: with an old one, sessions that were recorded before
      // could be read by whoever gets it.
      const bool keys_are_old = clock_.mono() - contexts_made_ >= kTicketKeyLife;
      reload_certificates(keys_are_old);
    }
  }

  void warn_of_other_host(const net::TlsServerContext& certificates) const {
    if (!certificates.has_name(values_->portal_host))
      log::warn("no certificate is for the portal's host: browsers and kubectl will refuse it",
                {{"host", values_->portal_host}});
  }

  // Keeps the former ones where the new can't be used.
  void reload_certificates(bool even_unchanged) {
    const std::string seen = secrets_.fingerprint(values_->tls);
    if (values_->plain_http || (seen == certificates_seen_ && !even_unchanged)) return;
    certificates_seen_ = seen;
    contexts_made_ = clock_.mono();
    auto pairs = secrets_.certificates(values_->tls);
    auto context =
        pairs
            ? net::TlsServerContext::create(*pairs, http::kAlpn)
            : Result<std::shared_ptr<const net::TlsServerContext>>(std::unexpected(pairs.error()));
    if (!context) {
      // It may be over at the next look, whatever it was.
      certificates_seen_.clear();
      if (certificates_problem_ == context.error().message()) return;
      certificates_problem_ = context.error().message();
      log::error("the new certificates can't be used; the former ones go on",
                 {{"reason", certificates_problem_}});
      return;
    }
    certificates_problem_.clear();
    warn_of_other_host(**context);
    public_server_->set_tls(std::move(*context));
    metrics_->set_certificates(*pairs);
    log::info("certificates were read again");
  }

  Task<void> shut_down() {
    log::info("stopping; requests that run are finished first");
    admin_listener_->close();
    co_await public_server_->drain();
    for (const auto& provider : providers_) co_await provider->drain(net::in(kNoticesDeadline));
    // So that a copy that was made while this ran is told from what it leaves.
    co_await advance_continuity();
    runtime_.stop();
  }

  std::shared_ptr<const config::Values> values_;
  SecretsDirectory secrets_;
  std::string state_directory_;
  SystemClock clock_;
  ClockWatch clock_watch_{clock_};
  crypto::SystemRandom random_;
  net::Runtime runtime_;
  std::optional<net::WorkPool> passwords_;
  net::WorkPool lookups_{"users", 1, kLookupQueue};
  std::optional<crypto::MasterKey> master_;
  std::unique_ptr<store::SessionStore> store_;
  std::optional<store::Continuity> continuity_;
  std::unique_ptr<jose::KeyRing> keys_;
  std::optional<ProgramMetrics> metrics_;
  std::vector<std::unique_ptr<http::Client>> clients_;
  std::optional<session::Connectors> connectors_;
  std::optional<ProviderHealth> provider_health_;
  std::optional<session::Sessions> sessions_;
  std::optional<session::SignInFlow> sign_in_;
  std::unique_ptr<portal::Portal> portal_;
  std::unique_ptr<http::Client> client_;
  std::optional<identity::Workloads> workloads_;
  std::vector<std::unique_ptr<oidc::Provider>> providers_;
  std::shared_ptr<http::Service> public_service_, admin_service_;
  const http::Limits admin_limits_;
  std::unique_ptr<http::Server> public_server_, management_server_;
  std::unique_ptr<net::Listener> admin_listener_;
  std::string certificates_seen_;
  std::string certificates_problem_;  // of the last reading; empty: none
  MonoTime contexts_made_{};
  std::atomic<bool> stopping_{false};
};

// Standard error is the log: what reads it expects nothing but its lines. Who sits before it gets
// plain words as well.
int cannot_start(const Error& error) {
  log::error("the server can't start", {{"reason", error.message()}});
  return ::isatty(STDERR_FILENO) != 0 ? report(error) : 1;
}

void log_problems(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    const bool error = problem.severity == config::Severity::error;
    log::write(error ? log::Level::error : log::Level::warn,
               error ? "the values file has an error" : "the values file has a warning",
               {{"reason", problem.text()}});
  }
}

}  // namespace

int serve(const CommonOptions& options) {
  const auto text = read_file(options.values_file);
  if (!text) return cannot_start(text.error());
  config::Parsed parsed = config::parse_values(*text, options.values_file);
  if (parsed.values) log::configure(level_of(parsed.values->log_level));
  log_problems(parsed.problems);
  if (!parsed.values)
    return cannot_start(Error(config::Errc::bad_argument, options.values_file +
                                                              " has errors; openunison check -f " +
                                                              options.values_file + " lists them"));
  Server server(std::move(*parsed.values), SecretsDirectory(options.secrets_directory),
                options.state_directory);
  const auto started = server.start();
  if (!started) return cannot_start(started.error());
  server.run();
  return 0;
}

}  // namespace openunison::cmd
