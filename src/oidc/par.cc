// SPDX-License-Identifier: Apache-2.0
//
// Pushed authorization requests (RFC 9126): the client sends its request ahead, authenticated as at
// the token endpoint, and the browser carries only a reference to it. What is wrong with a request
// is said here, to the client, before any browser sees it.
#include "base/log.h"
#include "oidc/authorization_request.h"
#include "oidc/provider_impl.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

// The request alone: how the client proved itself is no part of it.
text::Form without_secret(const text::Form& form) {
  text::Form rest;
  for (const auto& [name, value] : form.fields()) {
    if (name != "client_secret") rest.add(name, value);
  }
  return rest;
}

std::size_t size_of(const text::Form& form) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : form.fields()) bytes += name.size() + value.size();
  return bytes;
}

// §2.3: every error of the request is the client's to know, also those of its address.
std::optional<OAuthError> problem_of(const ParsedAuthorization& parsed) {
  if (const auto* shown = std::get_if<Error>(&parsed))
    return OAuthError{"invalid_request", shown->message(), 400};
  if (const auto* error = std::get_if<RedirectableError>(&parsed)) return error->error;
  return std::nullopt;
}

}  // namespace

Task<http::Response> Provider::Impl::push_request(http::Request& request) {
  const session::Caller caller = session::caller_of(request);
  auto form = co_await read_form(request);
  if (!form) co_return to_response(form.error());
  auto client = clients.authenticate(request, *form);
  if (!client) {
    http::Response response = to_response(client.error());
    if (response.status == 401) response.headers.add("www-authenticate", "Basic realm=\"par\"");
    co_return response;
  }
  // §2.1 step 2.
  if (form->get("request_uri"))
    co_return to_response({"invalid_request", "a request_uri can't be pushed", 400});
  text::Form parameters = without_secret(*form);
  if (size_of(parameters) > kMaxPushedBytes)
    co_return to_response({"invalid_request", "the request is too large", 413});
  if (!parameters.get("client_id")) parameters.add("client_id", (*client)->id);
  if (auto problem = problem_of(parse_authorization(parameters, clients)))
    co_return to_response(*problem);

  auto uri = pushed.push({(*client)->id, caller.address, (*client)->is_public},
                         std::move(parameters), sessions.random(), sessions.clock().mono());
  if (!uri) {
    log::warn("a pushed request was refused", {{"client", (*client)->id},
                                               {"reason", uri.error().message()},
                                               {"address", caller.address},
                                               {"request", caller.request_id}});
    http::Response response = to_response({"temporarily_unavailable", uri.error().message(), 429});
    response.headers.add("retry-after", std::to_string(kPushedLife.count()));
    co_return response;
  }
  http::Response response;
  response.status = 201;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  text::JsonWriter(response.body)
      .begin_object()
      .member("request_uri", *uri)
      .member("expires_in", std::int64_t{kPushedLife.count()})
      .end_object();
  co_return response;
}

}  // namespace openunison::oidc
