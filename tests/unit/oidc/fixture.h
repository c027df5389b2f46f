// SPDX-License-Identifier: Apache-2.0
//
// Two providers over one House of sessions: "/auth/idp/k8sIdp" with the cluster client
// "kubernetes", the confidential "app", the public "spa" and "kubectl-oulogin"; "/auth/idp/prod"
// with a "kubernetes" of its own.
#pragma once

#include "base/base64.h"
#include "http/edge.h"
#include "http/recorder.h"
#include "oidc/provider.h"
#include "session/fixture.h"
#include "text/form.h"
#include "text/json.h"

namespace openunison::oidc::testing {

using http::testing::Answer;

// Says the error's message, or what a page would show, so that a test can look for it.
class PlainPages final : public session::ProviderPages {
 public:
  http::Response error_page(const http::Request&, const Error& error) const override {
    http::Response response;
    response.status = error.code().category() == std::error_code(http::Errc::internal).category()
                          ? http::status_of(error.code())
                          : 400;
    response.body = "page: " + error.message();
    return response;
  }
  http::Response form_post_page(const http::Request&, session::FormPost post) const override {
    http::Response response;
    response.body = "form_post " + post.action;
    posted = std::move(post);
    return response;
  }
  http::Response consent_page(const http::Request&, const session::Current& current,
                              session::ConsentQuestion question) const override {
    http::Response response;
    response.body = "consent of " + current.principal.user;
    asked = std::move(question);
    return response;
  }
  // A field of the last answer by form_post; "" where there is none.
  std::string field(std::string_view name) const {
    for (const auto& [key, value] : posted.fields) {
      if (key == name) return value;
    }
    return {};
  }
  mutable session::FormPost posted;
  mutable session::ConsentQuestion asked;
};

class Desk : protected session::testing::House {
 public:
  static constexpr std::string_view kOrigin = "https://portal.example";
  static constexpr std::string_view kPath = "/auth/idp/k8sIdp";
  static constexpr std::string_view kAppReturn = "https://app.example/cb";
  static constexpr std::string_view kLoopback = "http://127.0.0.1:4321/callback";
  // RFC 7636 appendix B.
  static constexpr std::string_view kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  static constexpr std::string_view kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

  Desk() {
    config::Cluster demo, prod;
    demo.name = "demo";
    prod.name = "prod";
    prod.issuer_path = "/auth/idp/prod";
    values->clusters = {demo, prod};
    app.client_id = "app";
    app.redirect_uris = {std::string(kAppReturn)};
    app.post_logout_redirect_uris = {"https://app.example/bye"};
    spa.client_id = "spa";
    spa.is_public = true;
    spa.redirect_uris = {"https://spa.example/cb"};
  }

  Answer ask(std::string method, std::string target, std::string body = {},
             std::vector<http::Field> headers = {}) {
    start();
    http::Request request;
    request.method = std::move(method);
    request.secure = true;
    request.authority = {"portal.example", 443, false};
    const std::size_t query = target.find('?');
    request.path = target.substr(0, query);
    if (query != std::string::npos) request.query = target.substr(query + 1);
    if (!cookie.empty()) request.headers.add("cookie", cookie);
    for (http::Field& field : headers)
      request.headers.add(std::move(field.name), std::move(field.value));
    if (request.method == "POST" && !request.headers.get("content-type"))
      request.headers.add("content-type", "application/x-www-form-urlencoded");
    request.body = std::make_unique<http::testing::TextBody>(std::move(body), body_fails);
    request.peer = {"192.0.2.7", 40'000};
    http::testing::Recorder recorder;
    runtime.block_on(edge_->handle(request, recorder));
    return std::move(recorder.answer);
  }
  // What reading a request's body ends with, where it isn't its end.
  std::optional<http::Errc> body_fails;
  Answer get(std::string target) { return ask("GET", std::move(target)); }
  Answer post(std::string target, text::Form form, std::vector<http::Field> headers = {}) {
    return ask("POST", std::move(target), form.encode(), std::move(headers));
  }

  using Fields = std::vector<std::pair<std::string, std::string>>;
  static text::Form form(const Fields& fields) {
    text::Form made;
    for (const auto& [name, value] : fields) made.add(name, value);
    return made;
  }
  // A good request of kubectl's client; each of `changes` replaces a parameter, or takes it away
  // where its value is "-".
  static Fields authorization(const Fields& changes = {}) {
    Fields all{{"client_id", "kubernetes"},
               {"redirect_uri", std::string(kLoopback)},
               {"response_type", "code"},
               {"scope", "openid groups"},
               {"state", "the-state"},
               {"nonce", "the-nonce"},
               {"code_challenge", std::string(kChallenge)},
               {"code_challenge_method", "S256"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return all;
  }
  Answer authorize(const Fields& changes = {}) {
    return get(std::string(kPath) + "/auth?" + form(authorization(changes)).encode());
  }
  // A parameter of the answer's Location; "" where there is none.
  static std::string parameter(const Answer& answer, std::string_view name) {
    const std::string location = answer.location();
    const std::size_t query = location.find('?');
    if (query == std::string::npos) return {};
    const auto parsed = text::Form::parse(std::string_view(location).substr(query + 1));
    return parsed ? std::string(parsed->value(name)) : std::string();
  }
  std::string code(const Fields& changes = {}) { return parameter(authorize(changes), "code"); }

  Answer redeem(const std::string& code, const Fields& changes = {},
                std::string_view path = kPath) {
    Fields all{{"grant_type", "authorization_code"},
               {"client_id", "kubernetes"},
               {"redirect_uri", std::string(kLoopback)},
               {"code", code},
               {"code_verifier", std::string(kVerifier)}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/token", form(all));
  }
  Answer refresh(const std::string& token, std::string client = "kubernetes",
                 std::string_view path = kPath) {
    return post(std::string(path) + "/token", form({{"grant_type", "refresh_token"},
                                                    {"client_id", std::move(client)},
                                                    {"refresh_token", token}}));
  }
  static std::vector<http::Field> basic(std::string_view user, std::string_view password) {
    return {{"authorization",
             "Basic " + base64_encode(std::string(user) + ":" + std::string(password))}};
  }
  // A member of the answer's JSON; "" where there is none.
  static std::string member(const Answer& answer, std::string_view name) {
    const auto json = text::Json::parse(answer.body);
    const std::string* found = json ? json->find_string(name) : nullptr;
    return found != nullptr ? *found : std::string();
  }
  static text::Json claims(std::string_view jwt) {
    const std::size_t first = jwt.find('.'), second = jwt.find('.', first + 1);
    const auto payload = base64url_decode(jwt.substr(first + 1, second - first - 1));
    const auto json = payload ? text::Json::parse(*payload) : text::Json::parse("null");
    return json ? *json : text::Json();
  }

  // Runs what was left to run in the background until `done`, or for five seconds.
  bool run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 1'000 && !done(); ++i)
      runtime.block_on([]() -> Task<void> { co_await net::sleep_until(net::in(Millis(5))); }());
    return done();
  }

  // The first one.
  Provider& provider_of() {
    start();
    return *providers_.front();
  }

  config::Client app, spa;
  bool command_line = true;  // kubectl oulogin may be used
  bool passwords = false;    // and may send them
  PushedRequestLimits pushed;
  DeviceRequestLimits devices;
  std::size_t notices = 100;    // that may wait at once
  identity::Fetcher fetch;      // what the provider sends logout tokens with
  identity::Fetcher key_fetch;  // of workloads; empty: there are none
  PlainPages pages;

 private:
  void start() {
    if (edge_) return;
    auto ring = jose::KeyRing::open("", master, {}, random, clock);
    CHECK(ring);
    keys_ = std::move(*ring);
    sign_in_flow_.emplace(sessions(), *connectors, master);
    if (key_fetch) workloads_.emplace(values, key_fetch, &clock);
    for (const config::Cluster& cluster : values->clusters) {
      ProviderOptions options;
      options.issuer = values->issuer(cluster);
      options.path = cluster.issuer_path;
      options.clients.push_back(cluster_client(cluster));
      options.clients.back().may_wait_for_device = true;
      options.clients.back().may_exchange = command_line;
      if (providers_.empty() && command_line) {
        options.clients.push_back(command_line_client());
        options.clients.back().may_wait_for_device = true;
        options.clients.back().may_send_password = passwords;
      }
      if (providers_.empty()) {
        options.clients.push_back(configured_client(app, Secret("s3cret")));
        options.clients.push_back(configured_client(spa, Secret()));
      }
      options.pushed = pushed;
      options.devices = devices;
      options.device_page = std::string(kOrigin) + "/device";
      options.logout.delays = {Millis(1), Millis(1)};
      options.logout.limit = notices;
      providers_.push_back(std::make_unique<Provider>(
          std::move(options),
          ProviderDependencies{&sessions(), keys_.get(), &master, &pages, fetch,
                               workloads_ ? &*workloads_ : nullptr, &*sign_in_flow_}));
      providers_.back()->mount(router_);
    }
    edge_ = std::make_unique<http::Edge>("oidc_test", http::Limits(), router_, true);
  }

  std::unique_ptr<jose::KeyRing> keys_;
  std::optional<identity::Workloads> workloads_;
  std::optional<session::SignInFlow> sign_in_flow_;
  std::vector<std::unique_ptr<Provider>> providers_;
  http::Router router_;
  std::unique_ptr<http::Edge> edge_;
};

}  // namespace openunison::oidc::testing
