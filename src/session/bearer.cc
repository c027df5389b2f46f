// SPDX-License-Identifier: Apache-2.0
#include "session/bearer.h"

#include "store/error.h"
#include "text/json.h"
#include "text/utf8.h"

namespace openunison::session {

std::string error_text(std::string_view description) {
  std::string shown;
  for (const char c : description) {
    const bool allowed = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    shown += allowed ? c : '\'';
  }
  return shown;
}

http::Response error_answer(int status, std::string_view error, std::string_view description) {
  http::Response response;
  response.status = status;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  if (status == 503) response.headers.add("retry-after", "5");
  text::JsonWriter(response.body)
      .begin_object()
      .member("error", error)
      .member("error_description", error_text(description))
      .end_object();
  return response;
}

http::Response bearer_challenge(std::string_view realm, int status, std::string_view error,
                                std::string_view description) {
  http::Response response = error_answer(
      status, error.empty() ? "invalid_token" : error,
      error.empty() ? "an access token is missing: Authorization: Bearer TOKEN" : description);
  std::string value = "Bearer realm=\"" + std::string(realm) + '"';
  if (!error.empty()) {
    value += ", error=\"" + std::string(error) + "\", error_description=\"" +
             error_text(description) + "\"";
  }
  response.headers.add("www-authenticate", std::move(value));
  return response;
}

std::expected<std::string, http::Response> bearer_token(const http::Request& request,
                                                        std::string_view realm) {
  constexpr std::string_view kScheme = "bearer ";
  const auto header = request.headers.unique("authorization");
  if (!header) {
    return std::unexpected(
        bearer_challenge(realm, 400, "invalid_request", "Authorization is given more than once"));
  }
  if (!*header) return std::string();
  const std::string_view value = **header;
  if (value.size() <= kScheme.size() ||
      !text::iequals_ascii(value.substr(0, kScheme.size()), kScheme)) {
    return std::unexpected(
        bearer_challenge(realm, 401, "invalid_token", "Authorization must be a Bearer token"));
  }
  return std::string(value.substr(kScheme.size()));
}

Task<std::expected<Bearer, http::Response>> open_bearer(Sessions& sessions, std::string token,
                                                        BearerRule rule) {
  const auto refuse = [&rule](std::string_view why) {
    return std::unexpected(bearer_challenge(rule.realm, 401, "invalid_token", why));
  };
  if (token.empty()) co_return std::unexpected(bearer_challenge(rule.realm, 401, "", ""));
  auto opened = co_await sessions.open_access_token(std::move(token));
  if (!opened) {
    const Error& error = opened.error();
    if (error.is(store::Errc::unavailable) || error.is(store::Errc::full)) {
      co_return std::unexpected(
          error_answer(503, "temporarily_unavailable", "sessions can not be read at the moment"));
    }
    if (!error.is(Errc::bad_token) && !error.is(Errc::no_session))
      co_return std::unexpected(
          error_answer(500, "server_error", "the request could not be answered"));
    co_return refuse("the access token is not valid, has expired, or its session is over");
  }
  auto& [access, current] = *opened;
  if (access.issuer != rule.issuer) co_return refuse("the access token is of another issuer");
  if (!rule.client_id.empty() && access.client_id != rule.client_id)
    co_return refuse("the access token is of another client");
  co_return Bearer{std::move(access), std::move(current)};
}

}  // namespace openunison::session
