// SPDX-License-Identifier: Apache-2.0
//
// grant_type=password (RFC 6749 §4.3), for the client kubectl-oulogin and built-in users, where
// values allow it. The connector is the sign-in page's, with its limits, and the answer that of any
// other sign-in of that client. OAuth 2.1 has no such grant: docs/adr/0016 says why there is one.
#include "identity/error.h"
#include "oidc/provider_impl.h"
#include "session/error.h"

namespace openunison::oidc {
namespace {

// Of the audit line: no browser has a session in that sign-in.
constexpr const char* kNoBrowser = "no_browser";

OAuthError password_error(const Error& error) {
  if (error.is(identity::Errc::wrong_password)) return {"invalid_grant", error.message(), 400};
  if (error.is(identity::Errc::throttled)) return {"temporarily_unavailable", error.message(), 429};
  if (error.is(identity::Errc::busy) || error.is(identity::Errc::unreachable))
    return {"temporarily_unavailable", error.message(), 503};
  if (error.is(identity::Errc::not_allowed) || error.is(identity::Errc::bad_name))
    return {"access_denied", error.message(), 403};
  if (error.is(session::Errc::unknown_provider))
    return {"unauthorized_client", error.message(), 400};
  return oauth_error(error);
}

}  // namespace

Task<http::Response> Provider::Impl::password_grant(const Client& client, const text::Form& form,
                                                    bool from_browser, session::Caller caller) {
  const auto refuse = [&](OAuthError error) { return refused(&client, std::move(error), caller); };
  if (sign_in_flow == nullptr || !client.may_send_password) {
    co_return refuse(
        {"unauthorized_client", client.is_command_line
                                    ? "this portal takes no passwords from the command line "
                                      "(openunison.authentication.password_from_command_line)"
                                    : "this client may not send passwords"});
  }
  // Else any page could have its visitors' browsers try passwords, each from an address of its own.
  if (from_browser) co_return refuse({"invalid_request", "browsers sign in at the portal's page"});
  const auto device_name = device_name_of(form);
  if (!device_name) co_return refuse(device_name.error());
  if (form.value("username").empty() || form.value("password").empty())
    co_return refuse({"invalid_request", "username or password is missing"});

  auto current = co_await sign_in_flow->password_of_program(
      std::string(form.value("username")), Secret(std::string(form.value("password"))), caller);
  if (!current) co_return refuse(password_error(current.error()));
  session::Sessions::FamilySpec spec;
  spec.holder = {options.issuer, client.id};
  spec.scope = client.grant_scope(form.value("scope"));
  spec.origin = store::Origin::code;
  spec.label = client.session_label(*device_name);
  const std::string scope = spec.scope;
  auto family = co_await sessions.open_family(current->live.sign_in.id, std::move(spec),
                                              std::nullopt, caller);
  store::Selector selector;
  if (!family) {
    selector.sign_in = current->live.sign_in.id;
    co_await sessions.end(std::move(selector), kNoBrowser, caller);
    co_return refuse(oauth_error(family.error()));
  }
  selector.session = current->live.session.id;
  co_await sessions.end(std::move(selector), kNoBrowser, caller);
  co_return co_await token_response(client, std::move(*family), scope, {}, "password",
                                    std::move(caller));
}

}  // namespace openunison::oidc
