// SPDX-License-Identifier: Apache-2.0
//
// RP-Initiated Logout 1.0. With a hint that proves the client and the session, what it names ends
// and the browser may go back to a registered address. With anything less the person is asked on
// the portal's sign-out page, and nothing redirects elsewhere.
#include "oidc/provider_impl.h"
#include "text/url.h"

namespace openunison::oidc {
namespace {

constexpr std::string_view kAskPage = "/logout";

}  // namespace

Task<http::Response> Provider::Impl::end_session(http::Request& request) {
  text::Form parameters;
  if (request.method == "POST") {
    auto form = co_await read_form(request);
    if (!form) co_return unreadable(request, form.error());
    co_return as_get(request, "/end_session", *form);
  }
  auto query = text::Form::parse(request.query);
  if (!query || query->repeated()) {
    co_return pages.error_page(
        request, Error(Errc::malformed_request, "The sign-out request can't be read."));
  }
  parameters = std::move(*query);

  const std::string_view hint_text = parameters.value("id_token_hint");
  const auto hint = hint_text.empty()
                        ? Result<jose::VerifiedJwt>(fail(jose::Errc::malformed, "no hint"))
                        : verify_hint(hint_text);
  if (!hint) co_return redirect(std::string(kAskPage));

  const auto audience = hint->audience();
  const Client* client = audience.size() == 1 ? clients.find(audience.front()) : nullptr;
  const auto client_id = parameters.get("client_id");
  if (client == nullptr || (client_id && *client_id != client->id))
    co_return redirect(std::string(kAskPage));

  const std::string_view return_to = parameters.value("post_logout_redirect_uri");
  if (!return_to.empty() && !client->allows_post_logout_redirect(return_to)) {
    co_return pages.error_page(
        request, Error(Errc::bad_client,
                       "The application asks to return to an address that isn't registered for it "
                       "after signing out (post_logout_redirect_uri)."));
  }

  const std::string* sid = hint->string_claim("sid");
  const auto session_id = sid != nullptr ? store::SessionId::parse(*sid) : std::nullopt;
  auto named = session_id ? co_await sessions.find(*session_id)
                          : Result<session::Current>(fail(session::Errc::no_session, "no sid"));
  auto browser = co_await sessions.current(request);
  if (!browser) co_return pages.error_page(request, browser.error());

  const session::Caller caller = session::caller_of(request);
  store::Selector selector;
  if (*browser) {
    // Somebody else, or another sign-in, is at this browser: ask. Where the client's own session is
    // over already, that it was given a token of this person is proof enough.
    const std::string* subject = hint->string_claim("sub");
    const bool same = named ? named->live.sign_in.id == (*browser)->live.sign_in.id
                            : subject != nullptr && *subject == (*browser)->principal.user;
    if (!same) co_return redirect(std::string(kAskPage));
    selector.sign_in = (*browser)->live.sign_in.id;
  } else if (named) {
    selector.session = named->live.session.id;
  }
  std::string location = "/signed-out";
  if (selector.sign_in || selector.session) {
    const auto upstream =
        selector.sign_in ? sessions.upstream_logout_url(**browser, "") : std::nullopt;
    auto ended = co_await sessions.end(std::move(selector), "sign_out", caller);
    if (!ended) co_return pages.error_page(request, ended.error());
    if (upstream && return_to.empty()) location = *upstream;
  }
  if (!return_to.empty()) {
    location = std::string(return_to);
    if (const auto state = parameters.get("state"))
      location = text::add_query(std::move(location), "state", *state);
  }
  http::Response response = redirect(std::move(location));
  response.headers.add("set-cookie", session::Sessions::clear_cookie());
  co_return response;
}

}  // namespace openunison::oidc
