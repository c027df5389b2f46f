// SPDX-License-Identifier: Apache-2.0
//
// grant_type=refresh_token (RFC 6749 §6; rotation and reuse: RFC 9700 §4.14 and docs/adr on
// tokens).
#include "oidc/provider_impl.h"

namespace openunison::oidc {

Task<http::Response> Provider::Impl::refresh_token_grant(const Client& client,
                                                         const text::Form& form,
                                                         session::Caller caller) {
  const std::string_view given = form.value("refresh_token");
  if (given.empty())
    co_return refused(&client, {"invalid_request", "refresh_token is missing", 400}, caller);

  const std::string_view wanted = form.value("scope");
  auto family = co_await sessions.rotate(std::string(given), client.id, caller);
  if (!family) co_return refused(&client, oauth_error(family.error()), caller);

  const std::string& granted = family->current.live.session.scope;
  std::string scope = granted;
  if (!wanted.empty() && client.cluster == nullptr) {
    scope.clear();
    for (std::size_t at = 0; at < wanted.size();) {
      const std::size_t end = std::min(wanted.find(' ', at), wanted.size());
      const std::string_view word = wanted.substr(at, end - at);
      if (!word.empty() && !has_word(granted, word)) {
        co_return refused(&client, {"invalid_scope", "scope goes beyond what was granted", 400},
                          caller);
      }
      if (!word.empty()) scope += (scope.empty() ? "" : " ") + std::string(word);
      at = end + 1;
    }
  }
  co_return co_await token_response(client, std::move(*family), std::move(scope), {},
                                    "refresh_token", std::move(caller));
}

}  // namespace openunison::oidc
