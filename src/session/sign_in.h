// SPDX-License-Identifier: Apache-2.0
//
// SignInFlow: from "nobody is signed in" to a web session, through a connector. Nothing is stored
// before the person has signed in: an attempt lives in a sealed cookie of its own, named by eight
// characters of its state, at most four at once, each ≤ 1.5 KiB and good for ten minutes.
// Used by the portal's sign-in pages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "session/sessions.h"

namespace openunison::session {

// A path on our own origin that a sign-in may return to: starts with one '/', no '//', '/\',
// control bytes or scheme; at most 1,200 bytes. Anything else becomes "/".
std::string safe_return_to(std::string_view return_to);
inline constexpr std::size_t kMaxReturnTo = 1200;

class SignInFlow {
 public:
  SignInFlow(Sessions& sessions, Connectors& connectors, const crypto::MasterKey& master);
  ~SignInFlow();

  struct Start {
    std::string provider;
    std::string return_to;
    bool force = false;           // prompt=login at the upstream
    bool select_account = false;  // the person chooses who to be there
    std::string login_hint;
    std::string acr_values;
  };
  struct Started {
    std::string location;  // the upstream's authorization URL
    std::vector<std::string> set_cookies;
  };
  // Errors: unknown_provider; identity's unreachable.
  Task<Result<Started>> start(Start start, const http::Request& request);

  struct Finished {
    Sessions::Opened opened;
    std::string return_to;
    std::vector<std::string> set_cookies;  // the session's, and the removal of the attempt's
  };
  struct Failed {
    Error error;
    std::string provider;
    std::string return_to;  // to try again with
    std::vector<std::string> set_cookies;
  };
  // The callback of a redirect connector; `parameters` from query or POSTed form. The error is in
  // Failed because the attempt's cookie goes with it.
  Task<std::expected<Finished, Failed>> finish(std::string provider, text::Form parameters,
                                               const http::Request& request);

  // A callback that came as a cross-site POST has no Lax cookies: where to send the browser (303,
  // GET, same origin) with the parameters sealed; finish() opens them.
  std::string defer_posted_callback(const std::string& callback_path, const text::Form& parameters);

  // --- Built-in users ---
  // The anonymous form's CSRF pair: what goes into the form and into a cookie.
  struct FormToken {
    std::string field, set_cookie;
  };
  FormToken form_token(const http::Request& request);
  // Errors: bad_csrf; identity's wrong_password, throttled, not_allowed; store's.
  Task<std::expected<Finished, Failed>> password(std::string provider, std::string user,
                                                 Secret password, std::string form_field,
                                                 std::string return_to,
                                                 const http::Request& request);

  // The same for a program that has a person's password, as values let it: no form and no cookie.
  // The sign-in has a web session that nobody holds a cookie of: who opens what is wanted ends it.
  // Errors: unknown_provider (there are no built-in users); identity's wrong_password, throttled,
  // busy, not_allowed; store's.
  Task<Result<Current>> password_of_program(std::string user, Secret password, Caller caller);

  // OpenID Connect Back-Channel Logout: ends the sign-ins that the token names; a repeated jti is
  // refused. Errors: unknown_provider, identity's bad_response.
  Task<Result<void>> backchannel_logout(std::string provider, std::string logout_token,
                                        Caller caller);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::session
