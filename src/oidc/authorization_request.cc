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
  for (std::size_t at = 0; at < prompt.size();) {
    const std::size_t end = std::min(prompt.find(' ', at), prompt.size());
    const std::string_view word = prompt.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    bool* const flag = word == "none"             ? &request.prompt_none
                       : word == "login"          ? &request.prompt_login
                       : word == "consent"        ? &request.prompt_consent
                       : word == "select_account" ? &request.prompt_select_account
                                                  : nullptr;
    if (flag == nullptr)
      return OAuthError{"invalid_request", "prompt has a value that is not supported", 400};
    *flag = true;
  }
  if (request.prompt_none &&
      (request.prompt_login || request.prompt_consent || request.prompt_select_account)) {
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
    if (request.client().is_public) {
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

std::optional<OAuthError> read_claims(const text::Form& parameters, AuthorizationRequest& request) {
  const auto text = parameters.get("claims");
  if (!text) return std::nullopt;
  auto claims = parse_claims_parameter(*text);
  if (!claims) return OAuthError{"invalid_request", claims.error().message(), 400};
  request.claims = std::move(*claims);
  // A cluster's tokens have all that they need already, and must stay small.
  if (request.client().cluster == nullptr && !request.claims.granted.empty())
    request.scope += " " + request.claims.granted;
  return std::nullopt;
}

std::optional<OAuthError> read_rest(const text::Form& parameters, AuthorizationRequest& request) {
  if (parameters.get("request"))
    return OAuthError{"request_not_supported", "request objects are not supported", 400};
  if (parameters.get("request_uri")) {
    return OAuthError{"request_uri_not_supported", "request_uri is not supported", 400};
  }
  if (parameters.get("registration")) {
    return OAuthError{"registration_not_supported", "registration is not supported", 400};
  }
  for (const auto& [name, value] : parameters.fields()) {
    if (value.size() > kMaxParameterBytes)
      return OAuthError{"invalid_request", "a parameter is too long", 400};
  }
  const std::string_view type = parameters.value("response_type");
  if (type.empty()) return OAuthError{"invalid_request", "response_type is missing", 400};
  if (type != "code")
    return OAuthError{"unsupported_response_type", "only response_type=code is supported", 400};
  request.scope = request.client().grant_scope(parameters.value("scope"));
  if (!text::has_word(parameters.value("scope"), "openid")) {
    return OAuthError{"invalid_scope", "the scope openid is missing", 400};
  }
  request.nonce = parameters.value("nonce");
  if (request.nonce.size() > 512)
    return OAuthError{"invalid_request", "nonce is over 512 bytes", 400};
  request.login_hint = parameters.value("login_hint");
  request.id_token_hint = parameters.value("id_token_hint");
  request.acr_values = parameters.value("acr_values");
  if (auto error = read_prompt(parameters.value("prompt"), request)) return error;
  if (auto error = read_max_age(parameters.get("max_age"), request)) return error;
  if (auto error = read_claims(parameters, request)) return error;
  return read_pkce(parameters, request);
}

// The mode comes first: every other error is answered in it.
std::optional<OAuthError> read_response_mode(const text::Form& parameters, ReturnAddress& to) {
  const std::string_view mode = parameters.value("response_mode");
  if (mode == "form_post") to.mode = ResponseMode::form_post;
  if (mode.empty() || mode == "query" || mode == "form_post") return std::nullopt;
  return OAuthError{"invalid_request", "response_mode must be query or form_post", 400};
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
  ReturnAddress& to = request.to;
  to.client = clients.find(parameters.value("client_id"));
  if (to.client == nullptr) {
    return Error(Errc::bad_client,
                 "The application that sent you here isn't known to this portal (client_id).");
  }
  to.redirect_uri = parameters.value("redirect_uri");
  if (!to.client->allows_redirect(to.redirect_uri)) {
    return Error(Errc::bad_client,
                 "The application that sent you here asks to return to an address that isn't "
                 "registered for it "
                 "(redirect_uri).");
  }
  if (parameters.count("state") == 1) to.state = parameters.value("state");
  if (parameters.count("response_mode") <= 1) {
    if (auto error = read_response_mode(parameters, to))
      return RedirectableError{to, std::move(*error)};
  }
  if (const auto repeated = parameters.repeated()) {
    return RedirectableError{
        to, {"invalid_request", "parameter given more than once: " + *repeated, 400}};
  }
  if (auto error = read_rest(parameters, request)) return RedirectableError{to, std::move(*error)};
  return request;
}

}  // namespace openunison::oidc
