// SPDX-License-Identifier: Apache-2.0
//
// Sessions: what the provider, the portal and the gateway know of who is signed in. Opens, finds,
// rotates and ends sessions in the store, keeps the upstream's word of a person fresh, and writes
// the audit lines of all that. Called on every runtime thread. Owned by main; outlives the
// services.
//
// Rules (docs/adr/0004-tokens-and-refresh.md): a rotation is committed before anything is asked
// upstream; a re-read has 2 s, then old claims serve and it ends in the background; one re-read of
// a sign-in at a time; its intent is committed before a grant is spent.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/values.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "http/message.h"
#include "identity/connector.h"
#include "net/runtime.h"
#include "session/access_token.h"
#include "session/error.h"
#include "session/refresh_token.h"
#include "store/session_store.h"

namespace openunison::session {

// The cookie of the web session.
inline constexpr std::string_view kSessionCookie = "__Host-openunison";

// The reason of an end that the client itself asked for (RFC 7009).
inline constexpr const char* kRevokedByClient = "revoked_by_client";

// Where a call came from: for audit lines and the sessions page.
struct Caller {
  std::string address, user_agent, request_id;
  http::TraceContext trace = {};
};
Caller caller_of(const http::Request& request);

// A session that lives, with the person it belongs to.
struct Current {
  store::Live live;
  identity::Principal principal;
};

// All connectors, by name, in the order of values.
class Connectors {
 public:
  explicit Connectors(std::vector<std::unique_ptr<identity::Connector>> connectors)
      : all_(std::move(connectors)) {}
  identity::Connector* find(std::string_view name) const;
  const std::vector<std::unique_ptr<identity::Connector>>& all() const { return all_; }

 private:
  std::vector<std::unique_ptr<identity::Connector>> all_;
};

struct Dependencies {
  std::shared_ptr<const config::Values> values;
  store::SessionStore* store;
  Connectors* connectors;
  const crypto::MasterKey* master;
  crypto::Random* random;
  const Clock* clock;
};

class Sessions {
 public:
  explicit Sessions(Dependencies dependencies);
  ~Sessions();

  // --- The browser ---

  struct Opened {
    Current current;
    std::string set_cookie;  // the whole Set-Cookie value
  };
  // Maps the identity and opens a sign-in with its web session; ends `replaces`, the browser's
  // former session (the kubectl sessions of its sign-in live on). Errors: identity's bad_name,
  // not_allowed, too_big; store's.
  Task<Result<Opened>> open(identity::Identity identity, std::optional<Current> replaces,
                            Caller caller);
  // The web session of a request's cookie; nullopt: none. Error: store's unavailable only.
  Task<Result<std::optional<Current>>> current(const http::Request& request);
  // Hidden form field and its check, bound to the session. Error: bad_csrf.
  std::string csrf_token(const Current& current) const;
  Result<void> check_csrf(const Current& current, std::string_view token) const;
  // A Set-Cookie that removes the session cookie.
  static std::string clear_cookie();

  // --- Refresh families ---

  struct FamilySpec {
    Holder holder;
    std::string cluster;  // cluster name, or empty
    std::string scope;
    store::Origin origin = store::Origin::code;
    std::string label;
    std::optional<WallTime> unused_until;
    // It lives as long as the sign-in, so that its client can be told of that one's end; its token
    // can be refreshed within client_idle() all the same.
    bool lasting = false;
  };
  struct Family {
    Current current;
    Secret refresh_token;
  };
  // With `code`: redeems it in the same step; its second use ends the session of the first and
  // gives already_redeemed. Errors: no_session, already_redeemed, upstream_stale, gone; store's.
  // With upstream_stale the code is still good.
  Task<Result<Family>> open_family(store::SignInId sign_in, FamilySpec spec,
                                   std::optional<store::SessionStore::Redemption> code,
                                   Caller caller);
  // A code came that is too old to be redeemed: what its first use opened ends. Error: store's.
  Task<Result<void>> end_redeemed(store::CodeId code, Caller caller);
  // One refresh. `permit` (may be empty) looks at the session before its token is replaced; its
  // error is the call's. Errors: bad_token, stale_token, no_session, gone, upstream_stale, those of
  // `permit`; store's. With upstream_stale and those of `permit` the presented token is still good.
  using Permit = std::function<Result<void>(const store::Live&)>;
  Task<Result<Family>> rotate(std::string refresh_token, Holder holder, Permit permit,
                              Caller caller);
  // RFC 7009: ends the family that the token names; silently nothing if it is over. Errors:
  // bad_token; store's.
  Task<Result<void>> revoke_family(std::string refresh_token, Holder holder, Caller caller);

  // --- Access tokens ---

  std::string seal_access_token(const AccessToken& token);
  // Errors: bad_token, no_session; store's.
  Task<Result<std::pair<AccessToken, Current>>> open_access_token(std::string token);

  // --- Ending and listing ---

  // `reason` for the audit line: "sign_out", "ended_by_user", "admin", "backchannel_logout", ...
  Task<Result<std::vector<store::Live>>> end(store::Selector selector, std::string reason,
                                             Caller caller);
  // Told of everything that ends before its time, with what was alive; called in the coroutine that
  // ended it, and must not hold that up. Set before the first request; outlives the sessions.
  using Ended = std::function<void(const std::vector<store::Live>&, std::string_view reason,
                                   const net::Executor& executor)>;
  void on_ended(Ended ended);
  Task<Result<std::vector<Current>>> list(store::Selector selector, std::size_t limit);
  Task<Result<Current>> find(store::SessionId id);
  Task<Result<store::SignIn>> find_sign_in(store::SignInId id);

  // Where a browser that signs out goes on, if this sign-in's provider wants that (oidc.logout:
  // upstream).
  std::optional<std::string> upstream_logout_url(const Current& current,
                                                 std::string_view return_to);

  // Deletes what is over, once; call every minute.
  Task<void> sweep();

  const config::Values& values() const;
  const Clock& clock() const;
  crypto::Random& random();
  // Idle limit of a kubectl or client session of this sign-in.
  Seconds client_idle(const store::SignIn& sign_in) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::session
