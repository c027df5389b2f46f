// SPDX-License-Identifier: Apache-2.0
//
// Sessions over the memory store, with a provider that answers what a test tells it, a store that a
// test can make fail, and a clock that stands still. Single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "http/metric.h"
#include "identity/error.h"
#include "net/runtime.h"
#include "session/sessions.h"
#include "store/error.h"
#include "store/stores.h"

namespace openunison::session::testing {

class FakeProvider final : public identity::Connector, public identity::RedirectConnector {
 public:
  using Connector::Connector;
  identity::RedirectConnector* redirect() override { return this; }
  Task<Result<identity::Identity>> reread(std::string subject, identity::Grant grant,
                                          identity::Call call) override {
    traces.emplace_back(call.trace.trace_id());
    spent.emplace_back(grant.refresh_token.reveal());
    if (gate) co_await gate->wait(net::in(Seconds(10)));
    co_return answer(std::move(subject), std::move(grant));
  }
  Task<Health> health(net::Deadline) override { co_return Health(); }
  Task<Result<Begun>> begin(BeginRequest request) override {
    begun = request;
    co_return Begun{"https://idp.example/auth?state=" + request.state, "private"};
  }
  Task<Result<identity::Identity>> finish(FinishRequest request) override {
    finished = std::move(request);
    co_return answer("sub-alice", {});
  }
  std::optional<std::string> logout_url(const identity::Grant&, std::string_view) override {
    return "https://idp.example/end";
  }
  Task<Result<LogoutNotice>> logout_token(std::string) override { co_return notice; }

  std::function<Result<identity::Identity>(std::string subject, identity::Grant)> answer;
  std::shared_ptr<net::Completion> gate;  // reread waits for it
  Result<LogoutNotice> notice = fail(identity::Errc::bad_response, "not a logout token");
  BeginRequest begun;
  FinishRequest finished;
  std::vector<std::string> spent;   // the refresh tokens that rereads came with
  std::vector<std::string> traces;  // and the traces that they were part of
};

// The store, but for what a test makes it refuse.
class FailingStore final : public store::SessionStore {
 public:
  explicit FailingStore(std::unique_ptr<store::SessionStore> real) : real_(std::move(real)) {}
  bool find_fails = false, find_sign_in_fails = false, end_fails = false;
  std::function<void()> before_find_sign_in;

  Task<Result<void>> open(store::SignIn sign_in, store::Session first) override {
    return real_->open(std::move(sign_in), std::move(first));
  }
  Task<Result<void>> add(store::Session session, std::optional<Redemption> code,
                         WallTime now) override {
    return real_->add(std::move(session), code, now);
  }
  Task<Result<store::SessionId>> redeemed_by(store::CodeId code, WallTime now) override {
    return real_->redeemed_by(code, now);
  }
  Task<Result<store::Live>> find(store::SessionId id, WallTime now) override {
    if (find_fails) co_return fail(store::Errc::unavailable, "no disk");
    co_return co_await real_->find(id, now);
  }
  Task<Result<store::Live>> find_web(std::string hash, WallTime now) override {
    return real_->find_web(std::move(hash), now);
  }
  Task<Result<store::SignIn>> find_sign_in(store::SignInId id, WallTime now) override {
    if (before_find_sign_in) before_find_sign_in();
    if (find_sign_in_fails) co_return fail(store::Errc::unavailable, "no disk");
    co_return co_await real_->find_sign_in(id, now);
  }
  Task<Result<store::Rotated>> rotate(store::RotateRequest request) override {
    return real_->rotate(std::move(request));
  }
  Task<Result<void>> touch(store::SessionId id, WallTime now) override {
    return real_->touch(id, now);
  }
  Task<Result<std::uint64_t>> update(store::SignIn sign_in, WallTime now) override {
    return real_->update(std::move(sign_in), now);
  }
  Task<Result<std::vector<store::Live>>> end(store::Selector selector, WallTime now) override {
    if (end_fails) co_return fail(store::Errc::unavailable, "no disk");
    co_return co_await real_->end(std::move(selector), now);
  }
  Task<Result<std::vector<store::Live>>> list(store::Selector selector, std::size_t limit,
                                              WallTime now) override {
    return real_->list(std::move(selector), limit, now);
  }
  Task<Result<std::size_t>> sweep(WallTime now, std::size_t limit) override {
    return real_->sweep(now, limit);
  }
  Task<Result<store::SessionCounts>> count() override { return real_->count(); }
  Task<Result<void>> probe() override { return real_->probe(); }

 private:
  std::unique_ptr<store::SessionStore> real_;
};

// Alice of the group "ops", with the grant "upstream-1".
inline identity::Identity person(std::string user = "alice",
                                 std::vector<std::string> groups = {"ops"}) {
  identity::Identity who;
  who.provider = "okta";
  who.subject = "sub-" + user;
  who.claims.set("sub", who.subject);
  who.claims.set("preferred_username", user);
  text::Json::Array names(groups.begin(), groups.end());
  who.claims.set("groups", text::Json(std::move(names)));
  who.authenticated_at = ManualClock().now();
  who.recheckable = true;
  identity::Grant grant;
  grant.refresh_token = Secret("upstream-1");
  who.grant = std::move(grant);
  return who;
}

// "https://portal.example", one cluster, the provider "okta".
class House {
 public:
  House() {
    config::IdentityProvider okta;
    okta.name = "okta";
    okta.callback = "/auth/oidc";
    okta.issuer = "https://idp.example";
    okta.claims.sub = "preferred_username";
    values->portal_host = "portal.example";
    values->identity_providers = {okta};
    auto connector = std::make_unique<FakeProvider>(okta);
    provider = connector.get();
    provider->answer = [](std::string, identity::Grant) { return person(); };
    std::vector<std::unique_ptr<identity::Connector>> all;
    all.push_back(std::move(connector));
    connectors = std::make_unique<Connectors>(std::move(all));
  }

  Sessions& sessions() {
    if (!sessions_) {
      sessions_ = std::make_unique<Sessions>(
          Dependencies{values, &store, connectors.get(), &master, &random, &clock});
    }
    return *sessions_;
  }

  template <class T>
  T run(Task<T> task) {
    return runtime.block_on(std::move(task));
  }

  Current sign_in(identity::Identity who = person()) {
    auto opened = run(sessions().open(std::move(who), std::nullopt, caller));
    CHECK(opened);
    cookie = opened->set_cookie.substr(0, opened->set_cookie.find(';'));
    return std::move(opened->current);
  }
  Sessions::Family family(const Current& current, store::Origin origin = store::Origin::code) {
    Sessions::FamilySpec spec;
    spec.holder = kubernetes;
    spec.cluster = "demo";
    spec.scope = "openid groups";
    spec.origin = origin;
    auto made = run(sessions().open_family(current.live.sign_in.id, spec, std::nullopt, caller));
    CHECK(made);
    return std::move(*made);
  }
  Result<Sessions::Family> rotate(const Secret& token, Sessions::Permit permit = {}) {
    return run(
        sessions().rotate(std::string(token.reveal()), kubernetes, std::move(permit), caller));
  }
  static std::string text(const Sessions::Family& family) {
    return std::string(family.refresh_token.reveal());
  }
  bool lives(const Current& current) {
    return run(sessions().find(current.live.session.id)).has_value();
  }

  const Caller caller{"192.0.2.7", "test", "request-1"};
  const Holder kubernetes{"https://portal.example/auth/idp/k8sIdp", "kubernetes"};
  std::shared_ptr<config::Values> values = std::make_shared<config::Values>();
  ManualClock clock;
  crypto::SeededRandom random{7};
  const crypto::MasterKey master =
      *crypto::MasterKey::create(Secret("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="));
  net::Runtime runtime{1};
  FailingStore store{store::memory_store()};
  FakeProvider* provider = nullptr;
  std::unique_ptr<Connectors> connectors;
  std::string cookie;  // of the last sign-in: "name=value"

 private:
  std::unique_ptr<Sessions> sessions_;
};

}  // namespace openunison::session::testing
