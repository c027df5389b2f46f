// SPDX-License-Identifier: Apache-2.0
//
// Connector: one identity provider. Two shapes: the browser is sent there and comes back
// (RedirectConnector), or the person types a password here (PasswordConnector). Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/values.h"
#include "identity/call.h"
#include "identity/error.h"
#include "identity/identity.h"
#include "net/task.h"
#include "text/form.h"

namespace openunison::identity {

class RedirectConnector;
class PasswordConnector;

class Connector {
 public:
  explicit Connector(config::IdentityProvider settings) : settings_(std::move(settings)) {}
  virtual ~Connector() = default;
  const config::IdentityProvider& settings() const { return settings_; }
  const std::string& name() const { return settings_.name; }

  virtual RedirectConnector* redirect() { return nullptr; }
  virtual PasswordConnector* password() { return nullptr; }

  // Asks the provider how the person stands now; only for an Identity that was `recheckable`.
  // `grant` as stored. The result has a new grant where the provider rotated it. Errors: gone,
  // unreachable, throttled, bad_response.
  virtual Task<Result<Identity>> reread(std::string subject, Grant grant, Call call) = 0;

  // For readiness and `check`: reachable, and how far its clock is from ours.
  struct Health {
    bool reachable = true;
    std::string detail;
    std::optional<Millis> clock_ahead;  // provider's Date minus ours
  };
  virtual Task<Health> health(net::Deadline deadline) = 0;

 private:
  config::IdentityProvider settings_;
};

class RedirectConnector {
 public:
  virtual ~RedirectConnector() = default;

  struct BeginRequest {
    std::string redirect_uri;     // ours, absolute
    std::string state;            // 43 characters, made by the caller
    bool force = false;           // prompt=login
    bool select_account = false;  // the person chooses who to be
    std::string login_hint;
    std::string acr_values;  // ways to authenticate that are wished for; may be empty
  };
  struct Begun {
    std::string url;      // where the browser goes
    std::string attempt;  // private to the connector (PKCE verifier, nonce); the caller seals it
  };
  // Errors: unreachable.
  virtual Task<Result<Begun>> begin(BeginRequest request) = 0;

  struct FinishRequest {
    text::Form parameters;  // the callback's query or form; state was checked by the caller
    std::string attempt;    // from Begun
    std::string redirect_uri;
    http::TraceContext trace;
  };
  // Errors: denied, interaction_required, bad_response, clock, unreachable, groups_overage,
  // too_big.
  virtual Task<Result<Identity>> finish(FinishRequest request) = 0;

  // Where to send the browser so that the provider's session ends too; nullopt if it can't.
  virtual std::optional<std::string> logout_url(const Grant& grant, std::string_view return_to) = 0;

  // OpenID Connect Back-Channel Logout §2.6. What it ends, or bad_response.
  struct LogoutNotice {
    std::string subject, sid;  // at least one is set
    std::string jti;
    WallTime expires_at;
  };
  virtual Task<Result<LogoutNotice>> logout_token(std::string token) = 0;
};

class PasswordConnector {
 public:
  virtual ~PasswordConnector() = default;
  // Takes about the same time for unknown users. Errors: wrong_password, throttled, unreachable.
  virtual Task<Result<Identity>> check(std::string user, Secret password, std::string address) = 0;
};

}  // namespace openunison::identity
