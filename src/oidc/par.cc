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
  auto call = co_await client_call(request, "par");
  if (!call) co_return std::move(call.error());
  // §2.1 step 2.
  if (call->form.get("request_uri"))
    co_return to_response({"invalid_request", "a request_uri can't be pushed", 400});
  text::Form parameters = without_secret(call->form);
  if (size_of(parameters) > kMaxPushedBytes)
    co_return to_response({"invalid_request", "the request is too large", 413});
  if (!parameters.get("client_id")) parameters.add("client_id", call->client.id);
  if (auto problem = problem_of(parse_authorization(parameters, clients)))
    co_return to_response(*problem);

  auto uri = pushed.push({call->client.id, caller.address, call->client.is_public},
                         std::move(parameters), sessions.random(), sessions.clock().mono());
  if (!uri)
    co_return turned_away(*call, "a pushed request was refused", uri.error(), kPushedLife, caller);
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
