// SPDX-License-Identifier: Apache-2.0
//
// grant_type=authorization_code (RFC 6749 §4.1.3, RFC 7636 §4.6). Everything that can be wrong
// without the code being spent is checked first; the redemption is one atomic step of the store.
#include "oidc/provider_impl.h"

namespace openunison::oidc {

Task<http::Response> Provider::Impl::authorization_code_grant(const Client& client,
                                                              const text::Form& form,
                                                              session::Caller caller) {
  const auto invalid_grant = [&](const char* why) {
    return refused(&client, {"invalid_grant", why, 400}, caller);
  };
  const std::string_view given = form.value("code");
  if (given.empty())
    co_return refused(&client, {"invalid_request", "code is missing", 400}, caller);

  const auto device_name = device_name_of(form);
  if (!device_name) co_return refused(&client, device_name.error(), caller);
  auto code = codes.open(given);
  if (!code) co_return refused(&client, oauth_error(code.error()), caller);
  if (code->client_id != client.id)
    co_return invalid_grant("this code was given to another client");
  if (form.value("redirect_uri") != code->redirect_uri) {
    co_return invalid_grant("redirect_uri differs from the one of the authorization request");
  }
  const std::string_view verifier = form.value("code_verifier");
  if (code->challenge.empty()) {
    // RFC 9700 §2.1.1: a verifier without a challenge means that somebody took the challenge away.
    if (!verifier.empty())
      co_return invalid_grant("code_verifier was sent, but no code_challenge before");
  } else if (!verifies(code->challenge, verifier)) {
    co_return invalid_grant("code_verifier is missing or doesn't fit the code_challenge");
  }

  if (now() >= code->expires_at) {
    auto ended = co_await sessions.end_redeemed(code->id, caller);
    if (!ended) co_return refused(&client, oauth_error(ended.error()), caller);
    co_return invalid_grant("this code is older than a minute");
  }

  session::Sessions::FamilySpec spec;
  spec.holder = {options.issuer, client.id};
  spec.cluster = client.cluster != nullptr ? client.cluster->name : std::string();
  spec.scope = code->scope;
  spec.origin = store::Origin::code;
  spec.label = client.session_label(*device_name);
  spec.lasting = !client.backchannel_logout_uri.empty();
  // The record outlives the code by a day, so that a late second use still ends what the first
  // opened.
  const store::SessionStore::Redemption redemption{code->id, code->expires_at + Seconds(86'400)};
  auto family = co_await sessions.open_family(code->sign_in, std::move(spec), redemption, caller);
  if (!family) co_return refused(&client, oauth_error(family.error()), caller);
  co_return co_await token_response(client, std::move(*family), code->scope, code->nonce,
                                    "authorization_code", std::move(caller));
}

}  // namespace openunison::oidc
