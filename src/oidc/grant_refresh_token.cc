// SPDX-License-Identifier: Apache-2.0
//
// grant_type=refresh_token (RFC 6749 §6; rotation and reuse: RFC 9700 §4.14 and docs/adr on
// tokens).
#include "oidc/provider_impl.h"
#include "text/words.h"

namespace openunison::oidc {
namespace {

// A token of fewer bytes of claims than this is never too large, whatever is added to them.
constexpr std::size_t kNeverTooLarge = 4096;

// The scopes of `wanted` once each, all of them in `granted`; claims that were granted by name
// stay. Error: beyond_scope.
Result<std::string> narrowed(std::string_view granted, std::string_view wanted) {
  std::string scope;
  for (std::size_t at = 0; at < wanted.size();) {
    const std::size_t end = std::min(wanted.find(' ', at), wanted.size());
    const std::string_view word = wanted.substr(at, end - at);
    at = end + 1;
    if (word.empty() || text::has_word(scope, word)) continue;
    if (!text::has_word(granted, word)) {
      return fail(session::Errc::beyond_scope, "scope goes beyond what was granted");
    }
    scope += (scope.empty() ? "" : " ") + std::string(word);
  }
  for (std::size_t at = 0; at < granted.size();) {
    const std::size_t end = std::min(granted.find(' ', at), granted.size());
    const std::string_view word = granted.substr(at, end - at);
    at = end + 1;
    if (word.find('/') != std::string_view::npos && !text::has_word(scope, word))
      scope += " " + std::string(word);
  }
  return scope;
}

}  // namespace

Task<http::Response> Provider::Impl::refresh_token_grant(const Client& client,
                                                         const text::Form& form,
                                                         session::Caller caller) {
  const std::string_view given = form.value("refresh_token");
  if (given.empty())
    co_return refused(&client, {"invalid_request", "refresh_token is missing", 400}, caller);

  // A cluster's tokens need all of their scopes; kubectl asks for none of them.
  const std::string wanted(client.cluster != nullptr ? "" : form.value("scope"));
  const auto scope_of = [wanted](const store::Live& live) -> Result<std::string> {
    if (wanted.empty()) return live.session.scope;
    return narrowed(live.session.scope, wanted);
  };
  const auto permit = [this, &client, scope_of](const store::Live& live) -> Result<void> {
    const std::string scope = TRY(scope_of(live));
    if (live.sign_in.principal.size() < kNeverTooLarge) return {};
    const auto principal = TRY(identity::Principal::from_text(live.sign_in.principal));
    session::IdTokenRequest token;
    token.issuer = options.issuer;
    token.audience = client.id;
    token.scope = scope;
    token.access_token = "any";  // for its hash, which has always the same length
    return session::check_id_token_size(token, principal, live, now());
  };
  auto family =
      co_await sessions.rotate(std::string(given), {options.issuer, client.id}, permit, caller);
  if (!family) co_return refused(&client, oauth_error(family.error()), caller);
  auto scope = scope_of(family->current.live);
  if (!scope) co_return refused(&client, oauth_error(scope.error()), caller);
  co_return co_await token_response(client, std::move(*family), std::move(*scope), {},
                                    "refresh_token", std::move(caller));
}

}  // namespace openunison::oidc
