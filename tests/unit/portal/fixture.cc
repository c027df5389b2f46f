// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "base/base64.h"
#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "http/recorder.h"
#include "jose/jwk.h"
#include "jose/jwt.h"
#include "net/error.h"
#include "text/cookie.h"

namespace openunison::portal::testing {
namespace {

constexpr std::string_view kIdp = "https://idp.example";

config::IdentityProvider okta() {
  config::IdentityProvider provider;
  provider.name = "okta";
  provider.label = "Okta";
  provider.callback = "/auth/oidc";
  provider.issuer = kIdp;
  provider.claims.sub = "preferred_username";
  return provider;
}

config::IdentityProvider built_in() {
  config::IdentityProvider provider;
  provider.name = "local";
  provider.kind = config::ProviderKind::local;
  provider.claims.sub = "preferred_username";
  return provider;
}

config::Cluster cluster(std::string name, std::string issuer_path) {
  config::Cluster cluster;
  cluster.name = std::move(name);
  cluster.k8s_url = "https://" + cluster.name + ".example:6443";
  cluster.issuer_path = std::move(issuer_path);
  return cluster;
}

config::Workload jobs() {
  config::Workload jobs;
  jobs.name = "jobs";
  jobs.issuer = "https://cluster.example";
  jobs.jwks_uri = "https://cluster.example/keys";
  jobs.audience = "https://portal.example";
  jobs.subjects = {"system:serviceaccount:ci:*"};
  jobs.username_prefix = "job:";
  jobs.groups = {"deployers"};
  jobs.clusters = {"demo"};
  return jobs;
}

const crypto::PrivateKey& cluster_key() {
  static const crypto::PrivateKey kKey = *crypto::PrivateKey::generate(crypto::Algorithm::es256);
  return kKey;
}

}  // namespace

// --- Providers ---

Task<Result<identity::Identity>> FakeUpstream::reread(std::string, identity::Grant,
                                                      identity::Call) {
  co_return identity;
}
Task<identity::Connector::Health> FakeUpstream::health(net::Deadline) {
  co_return Health();
}
Task<Result<identity::RedirectConnector::Begun>> FakeUpstream::begin(BeginRequest request) {
  begun = request;
  if (unreachable) co_return std::unexpected(*unreachable);
  co_return Begun{std::string(kIdp) + "/authorize?state=" + request.state, "private"};
}
Task<Result<identity::Identity>> FakeUpstream::finish(FinishRequest) {
  co_return identity;
}
std::optional<std::string> FakeUpstream::logout_url(const identity::Grant&, std::string_view) {
  return std::string(kIdp) + "/end?client_id=openunison";
}
Task<Result<identity::RedirectConnector::LogoutNotice>> FakeUpstream::logout_token(
    std::string token) {
  if (logout_refusal) co_return std::unexpected(*logout_refusal);
  if (token != "genuine") co_return fail(identity::Errc::bad_response, "not a logout token");
  co_return LogoutNotice{"sub-alice", "", "jti-1", WallTime::max()};
}

Task<Result<identity::Identity>> FakeUsers::reread(std::string, identity::Grant, identity::Call) {
  co_return fail(identity::Errc::unreachable, "never asked");
}
Task<identity::Connector::Health> FakeUsers::health(net::Deadline) {
  co_return Health();
}
Task<Result<identity::Identity>> FakeUsers::check(std::string user, Secret password, std::string) {
  if (refusal) co_return std::unexpected(*refusal);
  if (password.reveal() != "right") {
    co_return fail(identity::Errc::wrong_password, "user name or password is wrong");
  }
  identity::Identity who = person(user);
  who.provider = "local";
  co_return who;
}

// --- Browser ---

std::string Browser::session() const {
  const auto found = cookies.find(std::string(session::kSessionCookie));
  return found == cookies.end() ? "" : found->second;
}

void Browser::keep_cookie(std::string_view set_cookie) {
  const std::string_view pair = set_cookie.substr(0, set_cookie.find(';'));
  const std::size_t equals = pair.find('=');
  const std::string name(pair.substr(0, equals));
  if (set_cookie.find("Max-Age=0") != std::string_view::npos) {
    cookies.erase(name);
  } else {
    cookies[name] = pair.substr(equals + 1);
  }
}

void Browser::keep(const Answer& answer) {
  for (const http::Field& field : answer.headers.fields()) {
    if (field.name == "set-cookie") keep_cookie(field.value);
  }
}

// --- The plugin ---

DownloadsFolder::DownloadsFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "downloads-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

DownloadsFolder::~DownloadsFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void DownloadsFolder::write(const std::string& name, std::string_view content) const {
  std::ofstream(folder_ / name, std::ios::binary) << content;
}

void DownloadsFolder::add(const std::string& name, std::string_view content) {
  write(name, content);
  sums_ += crypto::hex(crypto::view(crypto::sha256(content))) + "  " + name + "\n";
  write("SHA256SUMS", sums_);
}

Downloads some_downloads() {
  DownloadsFolder folder;
  for (const char* name :
       {"kubectl-oulogin_v1.2.3_darwin_amd64.tar.gz", "kubectl-oulogin_v1.2.3_darwin_arm64.tar.gz",
        "kubectl-oulogin_v1.2.3_linux_amd64.tar.gz", "kubectl-oulogin_v1.2.3_linux_arm64.tar.gz",
        "kubectl-oulogin_v1.2.3_windows_amd64.zip"})
    folder.add(name, std::string("content of ") + name);
  folder.write("oulogin.yaml",
               "kind: Plugin\n    uri: https://else.example/x/"
               "kubectl-oulogin_v1.2.3_linux_arm64.tar.gz\n    uri: https://else.example/other\n");
  return *Downloads::read(folder.path(), "https://portal.example");
}

// --- Asking ---

text::Form form(std::initializer_list<std::pair<std::string, std::string>> fields) {
  text::Form result;
  for (const auto& [name, value] : fields) result.add(name, value);
  return result;
}

Ask post(std::string target, const text::Form& form) {
  return {
      "POST",
      std::move(target),
      form.encode(),
      {{"content-type", "application/x-www-form-urlencoded"}, {"origin", std::string(kOrigin)}}};
}

identity::Identity person(std::string user, std::vector<std::string> groups) {
  identity::Identity who;
  who.provider = "okta";
  who.subject = "sub-" + user;
  who.claims.set("preferred_username", user);
  text::Json::Array names(groups.begin(), groups.end());
  who.claims.set("groups", text::Json(std::move(names)));
  who.authenticated_at = WallTime(Seconds(1'700'000'000));
  return who;
}

// --- Site ---

struct Site::Running {
  explicit Running(Site& site)
      : values(std::make_shared<const config::Values>(site.values)),
        master(*crypto::MasterKey::create(Secret(base64_encode(std::string(32, 'k'))))),
        store(store::memory_store()),
        connectors(make_connectors(*values)),
        sessions({values, store.get(), &connectors, &master, &random, &site.clock}),
        sign_in(sessions, connectors, master),
        portal(*Portal::create({"", site.logo, site.logo_type, site.downloads},
                               {&sessions, &sign_in, &connectors})),
        edge("portal_test", {}, router, true) {
    for (const session::DeviceApprovals* approvals : site.device_approvals)
      portal->add_device_approvals(approvals);
    for (const session::ReturnTargets* targets : site.return_targets) {
      portal->add_return_targets(targets);
    }
    if (!values->workloads.empty()) {
      workloads.emplace(
          values,
          [&site](http::ClientRequest) -> Task<Result<http::Response>> {
            if (!site.keys_reachable) co_return fail(net::Errc::timed_out, "no answer");
            http::Response response;
            response.body =
                jose::JwkSet({{cluster_key().public_key(), "k", crypto::Algorithm::es256}}).dump();
            co_return response;
          },
          &site.clock);
      portal->add_workloads(&*workloads);
    }
    portal->mount(router);
  }

  static std::vector<std::unique_ptr<identity::Connector>> make_connectors(
      const config::Values& values) {
    std::vector<std::unique_ptr<identity::Connector>> all;
    for (const config::IdentityProvider& provider : values.identity_providers) {
      if (provider.kind == config::ProviderKind::local) {
        all.push_back(std::make_unique<FakeUsers>(provider));
      } else {
        all.push_back(std::make_unique<FakeUpstream>(provider));
      }
    }
    return all;
  }

  std::shared_ptr<const config::Values> values;
  crypto::MasterKey master;
  crypto::SeededRandom random{1};
  std::unique_ptr<store::SessionStore> store;
  session::Connectors connectors;
  session::Sessions sessions;
  session::SignInFlow sign_in;
  std::optional<identity::Workloads> workloads;
  std::unique_ptr<Portal> portal;
  http::Router router;
  http::Edge edge;
};

Site::Site() {
  values.portal_host = "portal.example";
  values.identity_providers = {okta(), built_in()};
  values.clusters = {cluster("demo", "/auth/idp/k8sIdp"), cluster("prod", "/auth/idp/prod")};
  values.clusters[1].az_groups = {"ops"};
  values.workloads = {jobs()};
}

std::string Site::job(std::string_view changes) const {
  const std::int64_t now = unix_seconds(clock.now());
  text::Json all;
  all.set("iss", "https://cluster.example");
  all.set("sub", "system:serviceaccount:ci:builder");
  all.set("aud", text::Json(text::Json::Array{"https://portal.example"}));
  all.set("iat", now);
  all.set("exp", now + 600);
  for (const auto& [name, value] : *text::Json::parse(changes)->object()) all.set(name, value);
  std::erase_if(*all.object(), [](const auto& member) { return member.second.is_null(); });
  return jose::Signer(cluster_key(), crypto::Algorithm::es256, "k").sign(all.dump());
}

Site::~Site() = default;

Site::Running& Site::running() {
  if (!running_) running_ = std::make_unique<Running>(*this);
  return *running_;
}

FakeUpstream& Site::upstream() {
  return dynamic_cast<FakeUpstream&>(*running().connectors.find("okta"));
}
FakeUsers& Site::users() {
  return dynamic_cast<FakeUsers&>(*running().connectors.find("local"));
}
session::Sessions& Site::sessions() {
  return running().sessions;
}
http::Router& Site::router() {
  return running().router;
}
Portal& Site::portal() {
  return *running().portal;
}

Answer Site::ask(Browser& browser, Ask ask) {
  http::Request request;
  request.method = std::move(ask.method);
  request.secure = true;
  request.authority = {"portal.example", 443, false};
  const std::size_t query = ask.target.find('?');
  request.path = ask.target.substr(0, query);
  if (query != std::string::npos) request.query = ask.target.substr(query + 1);
  request.headers.add("user-agent", browser.user_agent);
  for (const auto& [name, value] : browser.cookies) {
    request.headers.add("cookie", name + "=" + value);
  }
  for (http::Field& field : ask.headers) {
    request.headers.add(std::move(field.name), std::move(field.value));
  }
  request.body = std::make_unique<http::testing::TextBody>(std::move(ask.body));
  request.peer = {"192.0.2.7", 40'000};

  http::testing::Recorder recorder;
  runtime_.block_on(running().edge.handle(request, recorder));
  browser.keep(recorder.answer);
  return std::move(recorder.answer);
}

Answer Site::submit(Browser& browser, std::string_view page, std::string target, text::Form form) {
  form.add("csrf", hidden(get(browser, std::string(page)).body, "csrf"));
  return ask(browser, post(std::move(target), form));
}

session::Current Site::sign_in(Browser& browser, identity::Identity who) {
  session::Caller caller{"192.0.2.7", browser.user_agent, "test"};
  auto opened = block_on(sessions().open(std::move(who), std::nullopt, std::move(caller)));
  CHECK(opened.has_value());
  browser.keep_cookie(opened->set_cookie);
  return std::move(opened->current);
}

std::size_t Site::count_sessions() {
  store::Selector everything;
  everything.all = true;
  return block_on(sessions().list(everything, 100))->size();
}

store::SessionId Site::open_kubectl(const session::Current& current, std::string user_agent) {
  session::Sessions::FamilySpec spec;
  spec.holder = {std::string(kOrigin) + "/auth/idp/k8sIdp", "kubernetes"};
  spec.label = "laptop";
  spec.cluster = "demo";
  auto family = block_on(sessions().open_family(current.live.sign_in.id, spec, std::nullopt,
                                                {"192.0.2.9", std::move(user_agent), "test"}));
  return family->current.live.session.id;
}

std::string Site::csrf(Browser& browser) {
  return hidden(get(browser, "/logout").body, "csrf");
}

std::string hidden(std::string_view html, std::string_view name) {
  const std::string start = "<input type=\"hidden\" name=\"" + std::string(name) + "\" value=\"";
  const std::size_t at = html.find(start);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = html.substr(at + start.size());
  return std::string(rest.substr(0, rest.find('"')));
}

}  // namespace openunison::portal::testing
