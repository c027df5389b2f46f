// SPDX-License-Identifier: Apache-2.0
//
// A whole portal in memory: values that a test may change, fake identity providers, the memory
// store, a clock that stands still, and the router behind the server's edge, so that an answer has
// every field that a browser would get. Browser keeps cookies. Single-threaded.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/edge.h"
#include "http/recorder.h"
#include "http/router.h"
#include "net/runtime.h"
#include "portal/portal.h"
#include "store/stores.h"

namespace openunison::portal::testing {

inline constexpr std::string_view kOrigin = "https://portal.example";

using http::testing::Answer;

// Sends the browser to idp.example. What comes back is what the test has put into `identity`.
class FakeUpstream final : public identity::Connector, public identity::RedirectConnector {
 public:
  using Connector::Connector;
  identity::RedirectConnector* redirect() override { return this; }
  Task<Result<identity::Identity>> reread(std::string, identity::Grant, identity::Call) override;
  Task<Health> health(net::Deadline) override;
  Task<Result<Begun>> begin(BeginRequest request) override;
  Task<Result<identity::Identity>> finish(FinishRequest request) override;
  std::optional<std::string> logout_url(const identity::Grant&,
                                        std::string_view return_to) override;
  Task<Result<LogoutNotice>> logout_token(std::string token) override;

  Result<identity::Identity> identity = fail(identity::Errc::denied, "nobody came");
  std::optional<Error> unreachable;     // what begin answers instead
  std::optional<Error> logout_refusal;  // of every logout token
  BeginRequest begun;                   // the last
};

// Knows one password, "right".
class FakeUsers final : public identity::Connector, public identity::PasswordConnector {
 public:
  using Connector::Connector;
  identity::PasswordConnector* password() override { return this; }
  Task<Result<identity::Identity>> reread(std::string, identity::Grant, identity::Call) override;
  Task<Health> health(net::Deadline) override;
  Task<Result<identity::Identity>> check(std::string user, Secret password, std::string) override;

  std::optional<Error> refusal;  // instead of looking at the password
};

class Browser {
 public:
  std::string user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
  std::map<std::string, std::string> cookies;

  std::string session() const;  // the session cookie's value, or ""
  // Takes and drops cookies as the answer says.
  void keep(const Answer& answer);
  void keep_cookie(std::string_view set_cookie);
};

struct Ask {
  std::string method = "GET";
  std::string target;  // path and query
  std::string body;
  std::vector<http::Field> headers;
};
// Of application/x-www-form-urlencoded.
Ask post(std::string target, const text::Form& form);
text::Form form(std::initializer_list<std::pair<std::string, std::string>> fields);

// Alice, of the group "ops", unless changed.
identity::Identity person(std::string user = "alice", std::vector<std::string> groups = {"ops"});

// A folder as `make package` leaves it; goes with this object.
class DownloadsFolder {
 public:
  DownloadsFolder();
  ~DownloadsFolder();
  std::string path() const { return folder_.string(); }
  void write(const std::string& name, std::string_view content) const;
  // The same, and listed in SHA256SUMS.
  void add(const std::string& name, std::string_view content);

 private:
  std::filesystem::path folder_;
  std::string sums_;
};
// Of version 1.2.3 for five systems, with a manifest for krew.
Downloads some_downloads();

class Site {
 public:
  // Two clusters, "demo" for everybody and "prod" for "ops"; the providers "okta" and "local";
  // programs of the namespace "ci" of https://cluster.example may use "demo".
  Site();
  ~Site();

  config::Values values;  // before the first use
  std::string logo, logo_type = "image/svg+xml";
  Downloads downloads;
  std::vector<const session::ReturnTargets*> return_targets;
  std::vector<const session::DeviceApprovals*> device_approvals;
  ManualClock clock;
  bool keys_reachable = true;  // of cluster.example
  // A token of that cluster for a service account; `changes` of its claims, null takes one away.
  std::string job(std::string_view changes = "{}") const;

  FakeUpstream& upstream();
  FakeUsers& users();
  session::Sessions& sessions();
  http::Router& router();
  Portal& portal();

  Answer ask(Browser& browser, Ask ask);
  Answer get(Browser& browser, std::string target) { return ask(browser, {.target = target}); }
  // With the form's own CSRF token, read from the page at `page`.
  Answer submit(Browser& browser, std::string_view page, std::string target, text::Form form);
  // Opens a sign-in of this person in that browser; CHECKs that the person may.
  session::Current sign_in(Browser& browser, identity::Identity who = person());
  // Living sessions of everybody.
  std::size_t count_sessions();
  // The token in the forms of the browser's pages.
  std::string csrf(Browser& browser);

  // A kubectl session called "laptop", opened from 192.0.2.9.
  store::SessionId open_kubectl(const session::Current& current,
                                std::string user_agent = "kubectl/v1.34 (linux/amd64)");

  template <class T>
  T block_on(Task<T> task) {
    return runtime_.block_on(std::move(task));
  }

 private:
  struct Running;
  Running& running();

  net::Runtime runtime_{1};
  std::unique_ptr<Running> running_;
};

// The value of the first hidden input of that name; "" where there is none.
std::string hidden(std::string_view html, std::string_view name);

}  // namespace openunison::portal::testing
