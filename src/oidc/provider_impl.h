// SPDX-License-Identifier: Apache-2.0
//
// What the endpoints of one provider share. Private to oidc/.
#pragma once

#include <map>

#include "base/metrics.h"
#include "oidc/authorization_request.h"
#include "oidc/error.h"
#include "oidc/provider.h"
#include "session/id_token.h"

namespace openunison::oidc {

inline constexpr std::size_t kMaxFormBytes = 64 * 1024;
inline constexpr std::size_t kMaxParameterBytes = 4096;
inline constexpr std::string_view kPasswordGrant = "password";
inline constexpr std::string_view kDeviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";
inline constexpr std::string_view kIdTokenType = "urn:ietf:params:oauth:token-type:id_token";
inline constexpr std::string_view kTokenExchangeGrant =
    "urn:ietf:params:oauth:grant-type:token-exchange";

struct Provider::Impl {
  Impl(ProviderOptions options, ProviderDependencies dependencies);

  // The endpoints.
  Task<http::Response> authorize(http::Request& request);
  Task<http::Response> posted_authorize(http::Request& request);
  Task<http::Response> consent(http::Request& request);
  Task<http::Response> push_request(http::Request& request);
  Task<http::Response> authorize_device(http::Request& request);
  Task<http::Response> token(http::Request& request);
  Task<http::Response> userinfo(http::Request& request);
  Task<http::Response> revoke(http::Request& request);
  Task<http::Response> introspect(http::Request& request);
  Task<http::Response> end_session(http::Request& request);
  std::string make_discovery() const;
  http::Response discovery() const;
  http::Response jwks() const;

  // A cross-site POST comes without our Lax cookie; after a 303 to the same request as a GET it is
  // there again. `name` as in endpoint(). 413 where it would be too long.
  http::Response as_get(const http::Request& request, std::string_view name,
                        const text::Form& form) const;
  // The page for a posted request that can't be read.
  http::Response unreadable(const http::Request& request, const OAuthError& error) const;

  // Scripts of public clients at endpoints without cookies (cross_origin.cc).
  using Endpoint = Task<http::Response> (Impl::*)(http::Request&);
  Task<http::Response> for_scripts(http::Request& request, Endpoint endpoint);
  http::Response preflight(const http::Request& request) const;
  void allow_origin(const http::Request& request, http::Response& response) const;

  // An authorization request on its way to an answer (authorize.cc).
  struct Walk;
  Task<http::Response> authorize_form(http::Request& request, text::Form form, bool consented);
  Task<http::Response> decide(Walk walk);
  http::Response wait_for_sign_in(const Walk& walk, bool somebody) const;
  http::Response ask_for_consent(const Walk& walk, const session::Current& current) const;
  std::string seal_waiting(const Walk& walk) const;
  // Answers the client, and so ends a pushed request (RFC 9207: with the issuer).
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  http::Response answer(const http::Request& request, const ReturnAddress& to,
                        Parameters parameters) const;
  http::Response answer_error(const http::Request& request, const ReturnAddress& to,
                              const OAuthError& error) const;
  // What stands in the address, or was pushed before. `resumed`: this isn't its first use.
  std::optional<text::Form> request_of(const text::Form& parameters, bool resumed) const;

  // Who calls an endpoint that is for clients alone, and with what; else the answer: a form that
  // can't be read, or a client that isn't known by what it sent. `endpoint` is the realm of a 401.
  struct ClientCall {
    const Client& client;
    text::Form form;
  };
  Task<std::expected<ClientCall, http::Response>> client_call(http::Request& request,
                                                              std::string endpoint);
  // 429, and a line in the log: what is kept for clients is full.
  http::Response turned_away(const ClientCall& call, const char* what, const Error& why,
                             Seconds until, const session::Caller& caller) const;

  // The grants of the token endpoint.
  Task<http::Response> authorization_code_grant(const Client& client, const text::Form& form,
                                                session::Caller caller);
  Task<http::Response> refresh_token_grant(const Client& client, const text::Form& form,
                                           session::Caller caller);

  Task<http::Response> device_code_grant(const Client& client, const text::Form& form,
                                         session::Caller caller);
  Task<http::Response> token_exchange_grant(const Client& client, const text::Form& form,
                                            session::Caller caller);
  Task<http::Response> exchange_of_person(const Client& client, const text::Form& form,
                                          session::Caller caller);
  Task<http::Response> exchange_of_workload(const Client& client, std::string subject_token,
                                            session::Caller caller);
  // `from_browser`: a page's script or form sent it.
  Task<http::Response> password_grant(const Client& client, const text::Form& form,
                                      bool from_browser, session::Caller caller);
  // Whether programs may have tokens of this client's cluster.
  bool has_workloads(const Client& client) const;

  // The answer of the token endpoint to a family that was opened or rotated; audits it. `scope` is
  // what this answer covers. `nonce`: of the authorization request, empty on refresh.
  // `issued_token_type`: of an exchange (RFC 8693 §2.2.1), else empty.
  Task<http::Response> token_response(const Client& client, session::Sessions::Family family,
                                      std::string scope, std::string nonce, std::string grant_type,
                                      session::Caller caller, std::string issued_token_type = {});
  void count_token(const Client& client, std::string_view grant) const;
  http::Response refused(const Client* client, OAuthError error,
                         const session::Caller& caller) const;
  // When a refresh token could be used last; nullopt: not even now (introspect.cc).
  std::optional<WallTime> refreshable_until(const session::Current& current,
                                            const session::RefreshTokens::Parsed& presented) const;
  // Whether az_groups of the client let this person in. Error: not_allowed.
  Result<void> check_access(const Client& client, const identity::Principal& principal) const;
  // A token of ours, given back as a hint: verified, expired or not, for some client of ours.
  Result<jose::VerifiedJwt> verify_hint(std::string_view token) const;

  std::string endpoint(std::string_view name) const { return options.issuer + std::string(name); }
  WallTime now() const { return sessions.clock().now(); }

  ProviderOptions options;
  session::Sessions& sessions;
  jose::KeyRing& keys;
  const session::ProviderPages& pages;
  identity::Workloads* workloads;
  session::SignInFlow* sign_in_flow;
  Clients clients;
  Codes codes;
  session::RefreshTokens refresh_tokens;
  crypto::Sealer resume_sealer;
  mutable PushedRequests pushed;
  mutable DeviceRequests devices;
  BackchannelLogout logout;
  std::vector<std::string> script_origins;  // of public clients' redirect addresses
  std::string discovery_json;
  std::string jwks_cache_control;
  // Tokens given out, by client and grant: made at the start, since looking one up takes a lock.
  std::map<std::string, std::map<std::string, metrics::Counter*, std::less<>>> issued;
};

// What a program calls the machine that it runs on: `device_name`, "" where it says nothing.
inline constexpr std::size_t kMaxDeviceName = 64;
std::expected<std::string, OAuthError> device_name_of(const text::Form& form);
// A form body of at most kMaxFormBytes without repeated parameters (RFC 6749 §3.2).
Task<std::expected<text::Form, OAuthError>> read_form(http::Request& request);
http::Response redirect(std::string location);
std::vector<std::string> script_origins_of(const std::vector<Client>& clients);

}  // namespace openunison::oidc
