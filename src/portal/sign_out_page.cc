// SPDX-License-Identifier: Apache-2.0
#include "portal/pages.h"

namespace openunison::portal {

Task<http::Response> Portal::Impl::logout_page(http::Request& request) {
  auto current = co_await sessions.current(request);
  if (!current) co_return error_page(request, nullptr, current.error());
  if (!*current) co_return see_other("/signed-out");
  Page page{"sign_out", "Sign out", "", {}, 200, {}};
  co_return render(request, &**current, std::move(page));
}

Task<http::Response> Portal::Impl::logout(http::Request& request) {
  auto submitted = co_await require_form(request);
  if (!submitted) co_return std::move(submitted.error());
  const Current& current = submitted->current;
  const auto upstream = sessions.upstream_logout_url(current, signed_out_url());
  store::Selector selector;
  selector.sign_in = current.live.sign_in.id;
  auto ended = co_await sessions.end(std::move(selector), "sign_out", session::caller_of(request));
  if (!ended) co_return error_page(request, &current, ended.error());
  const std::string local = upstream ? "" : "?provider=stays";
  co_return see_other(upstream ? *upstream : "/signed-out" + local,
                      {session::Sessions::clear_cookie()});
}

Task<http::Response> Portal::Impl::signed_out(http::Request& request) {
  const auto current = co_await sessions.current(request);
  if (current && *current) co_return see_other("/");
  Page page{"signed_out", "Signed out", "", {}, 200, {}};
  const auto query = text::Form::parse(request.query);
  bool redirects = false;
  for (const auto& connector : connectors.all()) redirects |= connector->redirect() != nullptr;
  page.data.set("provider_stays", redirects && query && query->value("provider") == "stays");
  co_return render(request, nullptr, std::move(page));
}

}  // namespace openunison::portal
