// SPDX-License-Identifier: Apache-2.0
#include "oidc/authorization_request.h"

#include <algorithm>
#include <charconv>

#include "oidc/provider_impl.h"
#include "text/words.h"

namespace openunison::oidc {
namespace {

// The SHA-256 of something, in base64url without padding.
bool valid_challenge(std::string_view challenge) {
  return challenge.size() == 43 && std::all_of(challenge.begin(), challenge.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
         });
}

std::optional<OAuthError> read_prompt(std::string_view prompt, AuthorizationRequest& request) {
  if (prompt.empty()) return std::nullopt;
  request.prompt_none = text::has_word(prompt, "none");
  request.prompt_login =
      text::has_word(prompt, "login") || text::has_word(prompt, "select_account");
  if (request.prompt_none && prompt != "none") {
    return OAuthError{"invalid_request", "prompt=none can't be combined with another value", 400};
  }
  return std::nullopt;
}

std::optional<OAuthError> read_max_age(std::optional<std::string_view> text,
                                       AuthorizationRequest& request) {
  if (!text) return std::nullopt;
  std::int64_t seconds = -1;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (failed != std::errc() || end != text->data() + text->size() || seconds < 0 ||
      seconds > 1'000'000'000) {
    return OAuthError{"invalid_request", "max_age must be a whole number of seconds", 400};
  }
  request.max_age = Seconds(seconds);
  return std::nullopt;
}

std::optional<OAuthError> read_pkce(const text::Form& parameters, AuthorizationRequest& request) {
  request.challenge = parameters.value("code_challenge");
  const std::string_view method = parameters.value("code_challenge_method");
  if (request.challenge.empty()) {
    if (!method.empty()) return OAuthError{"invalid_request", "code_challenge is missing", 400};
    if (request.client->is_public) {
      return OAuthError{"invalid_request",
                        "this client must use PKCE: code_challenge with S256 is missing", 400};
    }
    return std::nullopt;
  }
  if (method != "S256")
    return OAuthError{"invalid_request", "code_challenge_method must be S256", 400};
  if (!valid_challenge(request.challenge)) {
    return OAuthError{"invalid_request", "code_challenge must be 43 characters of base64url", 400};
  }
  return std::nullopt;
}

std::optional<OAuthError> read_rest(const text::Form& parameters, AuthorizationRequest& request) {
  for (const auto& [name, value] : parameters.fields()) {
    if (value.size() > kMaxParameterBytes)
      return OAuthError{"invalid_request", "a parameter is too long", 400};
  }
  if (parameters.get("request"))
    return OAuthError{"request_not_supported", "request objects are not supported", 400};
  if (parameters.get("request_uri")) {
    return OAuthError{"request_uri_not_supported", "request_uri is not supported", 400};
  }
  if (parameters.get("registration")) {
    return OAuthError{"registration_not_supported", "registration is not supported", 400};
  }
  const std::string_view type = parameters.value("response_type");
  if (type.empty()) return OAuthError{"invalid_request", "response_type is missing", 400};
  if (type != "code")
    return OAuthError{"unsupported_response_type", "only response_type=code is supported", 400};
  const std::string_view mode = parameters.value("response_mode");
  if (!mode.empty() && mode != "query") {
    return OAuthError{"invalid_request", "only response_mode=query is supported", 400};
  }
  request.scope = request.client->grant_scope(parameters.value("scope"));
  if (!text::has_word(parameters.value("scope"), "openid")) {
    return OAuthError{"invalid_scope", "the scope openid is missing", 400};
  }
  request.nonce = parameters.value("nonce");
  if (request.nonce.size() > 512)
    return OAuthError{"invalid_request", "nonce is over 512 bytes", 400};
  request.login_hint = parameters.value("login_hint");
  request.id_token_hint = parameters.value("id_token_hint");
  if (auto error = read_prompt(parameters.value("prompt"), request)) return error;
  if (auto error = read_max_age(parameters.get("max_age"), request)) return error;
  return read_pkce(parameters, request);
}

}  // namespace

ParsedAuthorization parse_authorization(const text::Form& parameters, const Clients& clients) {
  for (const char* name : {"client_id", "redirect_uri"}) {
    if (parameters.count(name) > 1) {
      return Error(Errc::malformed_request,
                   "The request has more than one " + std::string(name) + ".");
    }
  }
  AuthorizationRequest request{};
  request.client = clients.find(parameters.value("client_id"));
  if (request.client == nullptr) {
    return Error(Errc::bad_client,
                 "The application that sent you here isn't known to this portal (client_id).");
  }
  request.redirect_uri = parameters.value("redirect_uri");
  if (!request.client->allows_redirect(request.redirect_uri)) {
    return Error(Errc::bad_client,
                 "The application that sent you here asks to return to an address that isn't "
                 "registered for it "
                 "(redirect_uri).");
  }
  request.state = parameters.value("state");
  if (const auto repeated = parameters.repeated()) {
    const std::string state = parameters.count("state") > 1 ? std::string() : request.state;
    return RedirectableError{
        request.redirect_uri,
        state,
        {"invalid_request", "parameter given more than once: " + *repeated, 400}};
  }
  if (auto error = read_rest(parameters, request)) {
    return RedirectableError{request.redirect_uri, request.state, std::move(*error)};
  }
  return request;
}

}  // namespace openunison::oidc
