// SPDX-License-Identifier: Apache-2.0
//
// grant_type=urn:ietf:params:oauth:grant-type:token-exchange (RFC 8693), for clients of clusters.
// Who has an access token of `kubectl oulogin` gets a refresh family of the cluster, in the same
// sign-in; programs with a token of another issuer are in grant_workload.cc. The subject token is
// only looked at: it is neither used up nor changed. No delegation (actor tokens).
#include "oidc/provider_impl.h"

namespace openunison::oidc {
namespace {

constexpr std::string_view kAccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

// Who keeps the refresh token, for people: "kubectl" is its built-in provider, which writes its
// file without waiting for a lock and loses tokens by that. A parameter of our own (§2.1 lets
// unknown ones be ignored).
constexpr std::string_view kKeptBy = "kept_by", kKubectl = "kubectl";

constexpr std::string_view kJwtType = "urn:ietf:params:oauth:token-type:jwt";

// Whose token it is, and what can be had for it.
enum class Subject { person, program };

std::optional<Subject> subject_of(std::string_view token_type) {
  if (token_type == kAccessTokenType) return Subject::person;
  if (token_type == kJwtType || token_type == kIdTokenType) return Subject::program;
  return std::nullopt;
}

// What the request asks for, apart from its subject token. nullopt: nothing is wrong.
std::optional<OAuthError> problem_of(const Client& client, const text::Form& form,
                                     Subject subject) {
  if (!form.value("actor_token").empty() || !form.value("actor_token_type").empty())
    return OAuthError{"invalid_request", "nobody acts for somebody else here: no actor_token"};
  if (form.value("subject_token").empty())
    return OAuthError{"invalid_request", "subject_token is missing"};
  const std::string_view given = subject == Subject::person ? kAccessTokenType : kIdTokenType;
  const std::string_view wanted = form.value("requested_token_type");
  if (!wanted.empty() && wanted != given)
    return OAuthError{"invalid_request",
                      "requested_token_type may only be " + std::string(given) + " here"};
  // What is given is for the cluster that asks, and for nothing else (§2.2.2).
  if (!form.value("resource").empty())
    return OAuthError{"invalid_target", "resource isn't supported: leave it out"};
  const std::string_view audience = form.value("audience");
  if (!audience.empty() && audience != client.id)
    return OAuthError{"invalid_target", "audience may only be the client itself: " + client.id};
  const std::string_view kept_by = form.value(kKeptBy);
  if (!kept_by.empty() && (subject != Subject::person || kept_by != kKubectl))
    return OAuthError{"invalid_request", "kept_by may only be kubectl, for a person's token"};
  return std::nullopt;
}

// §2.2.2: whatever is wrong with the subject token is invalid_request.
OAuthError subject_error(const Error& error) {
  OAuthError answer = oauth_error(error);
  if (answer.code == "invalid_grant") answer.code = "invalid_request";
  return answer;
}

}  // namespace

bool Provider::Impl::has_workloads(const Client& client) const {
  return workloads != nullptr && client.cluster != nullptr &&
         workloads->any_for(client.cluster->name);
}

Task<http::Response> Provider::Impl::token_exchange_grant(const Client& client,
                                                          const text::Form& form,
                                                          session::Caller caller) {
  const auto refuse = [&](OAuthError error) { return refused(&client, std::move(error), caller); };
  const bool for_programs = has_workloads(client);
  if (!client.may_exchange && !for_programs)
    co_return refuse({"unauthorized_client", "this client may not exchange tokens"});
  const auto subject = subject_of(form.value("subject_token_type"));
  if (!subject) {
    co_return refuse({"invalid_request", "subject_token_type must be " +
                                             std::string(kAccessTokenType) + " or " +
                                             std::string(kJwtType)});
  }
  if (*subject == Subject::person ? !client.may_exchange : !for_programs) {
    co_return refuse({"unauthorized_client", "this client may not exchange tokens of this type"});
  }
  if (auto problem = problem_of(client, form, *subject)) co_return refuse(std::move(*problem));
  if (*subject == Subject::person)
    co_return co_await exchange_of_person(client, form, std::move(caller));
  co_return co_await exchange_of_workload(client, std::string(form.value("subject_token")),
                                          std::move(caller));
}

Task<http::Response> Provider::Impl::exchange_of_person(const Client& client,
                                                        const text::Form& form,
                                                        session::Caller caller) {
  const auto refuse = [&](OAuthError error) { return refused(&client, std::move(error), caller); };
  const auto device_name = device_name_of(form);
  if (!device_name) co_return refuse(device_name.error());

  auto opened = co_await sessions.open_access_token(std::string(form.value("subject_token")));
  if (!opened) co_return refuse(subject_error(opened.error()));
  const auto& [subject, current] = *opened;
  const config::Values& values = sessions.values();
  if (subject.client_id != config::kCommandLineClient ||
      subject.issuer != values.issuer(values.clusters.front()))
    co_return refuse({"invalid_request", "subject_token is not an access token of " +
                                             std::string(config::kCommandLineClient)});
  if (auto allowed = check_access(client, current.principal); !allowed)
    co_return refuse({"invalid_target", allowed.error().message()});

  session::Sessions::FamilySpec spec;
  spec.holder = {options.issuer, client.id};
  spec.cluster = client.cluster != nullptr ? client.cluster->name : std::string();
  spec.scope = client.grant_scope(form.value("scope"));
  // Like the token of a command that the portal made, which the same provider keeps.
  spec.origin = form.value(kKeptBy) == kKubectl ? store::Origin::pasted : store::Origin::exchange;
  spec.label = client.session_label(*device_name);
  session::IdTokenRequest token;
  token.issuer = options.issuer;
  token.audience = client.id;
  token.scope = spec.scope;
  token.access_token = "any";  // for its hash, which has always the same length
  if (auto fits = session::check_id_token_size(token, current.principal, current.live, now());
      !fits)
    co_return refuse(oauth_error(fits.error()));
  const std::string scope = spec.scope;
  auto family =
      co_await sessions.open_family(current.live.sign_in.id, std::move(spec), std::nullopt, caller);
  if (!family) co_return refuse(subject_error(family.error()));
  co_return co_await token_response(client, std::move(*family), scope, {}, "token_exchange",
                                    std::move(caller), std::string(kAccessTokenType));
}

}  // namespace openunison::oidc
