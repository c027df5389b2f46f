// SPDX-License-Identifier: Apache-2.0
//
// OpenID Connect Discovery 1.0 §3 and the JWKS: exactly what works, nothing more.
#include <algorithm>
#include <set>

#include "oidc/provider_impl.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

text::Json strings(std::initializer_list<const char*> values) {
  text::Json::Array array;
  for (const char* value : values) array.emplace_back(value);
  return text::Json(std::move(array));
}

}  // namespace

std::string Provider::Impl::make_discovery() const {
  // A key of before signing_algorithm was changed signs until keys are rotated.
  std::set<std::string_view> algorithms;
  const bool es256 = sessions.values().signing_algorithm == config::SigningAlgorithm::es256;
  algorithms.insert(es256 ? "ES256" : "RS256");
  for (const jose::KeyInfo& key : keys.snapshot()->keys)
    algorithms.insert(crypto::name(key.algorithm));
  text::Json document;
  document.set("issuer", options.issuer);
  document.set("authorization_endpoint", endpoint("/auth"));
  document.set("token_endpoint", endpoint("/token"));
  document.set("userinfo_endpoint", endpoint("/userinfo"));
  document.set("jwks_uri", endpoint("/certs"));
  document.set("revocation_endpoint", endpoint("/revoke"));
  document.set("end_session_endpoint", endpoint("/end_session"));
  document.set("pushed_authorization_request_endpoint", endpoint("/par"));
  if (!std::ranges::all_of(options.clients, &Client::is_public)) {
    document.set("introspection_endpoint", endpoint("/introspect"));
    document.set("introspection_endpoint_auth_methods_supported",
                 strings({"client_secret_basic", "client_secret_post"}));
  }
  text::Json::Array grants{"authorization_code", "refresh_token"};
  if (std::ranges::any_of(options.clients, &Client::may_wait_for_device)) {
    document.set("device_authorization_endpoint", endpoint("/device"));
    grants.emplace_back(kDeviceCodeGrant);
  }
  if (std::ranges::any_of(options.clients, [this](const Client& client) {
        return client.may_exchange || has_workloads(client);
      }))
    grants.emplace_back(kTokenExchangeGrant);
  if (std::ranges::any_of(options.clients, &Client::may_send_password))
    grants.emplace_back(kPasswordGrant);
  document.set("require_pushed_authorization_requests", false);
  document.set("scopes_supported", strings({"openid", "profile", "email", "groups", "address",
                                            "phone", "offline_access"}));
  document.set("response_types_supported", strings({"code"}));
  document.set("response_modes_supported", strings({"query", "form_post"}));
  document.set("grant_types_supported", text::Json(std::move(grants)));
  document.set("subject_types_supported", strings({"public"}));
  document.set("id_token_signing_alg_values_supported",
               text::Json(text::Json::Array(algorithms.begin(), algorithms.end())));
  document.set("token_endpoint_auth_methods_supported",
               strings({"client_secret_basic", "client_secret_post", "none"}));
  document.set("revocation_endpoint_auth_methods_supported",
               strings({"client_secret_basic", "client_secret_post", "none"}));
  document.set("code_challenge_methods_supported", strings({"S256"}));
  document.set("prompt_values_supported", strings({"none", "login", "consent", "select_account"}));
  document.set("display_values_supported", strings({"page"}));
  document.set("ui_locales_supported", strings({"en"}));
  document.set("claim_types_supported", strings({"normal"}));
  document.set("claims_supported", strings({"iss",          "sub",
                                            "aud",          "exp",
                                            "iat",          "nbf",
                                            "jti",          "auth_time",
                                            "amr",          "acr",
                                            "sid",          "nonce",
                                            "at_hash",      "token_use",
                                            "name",         "given_name",
                                            "family_name",  "middle_name",
                                            "nickname",     "preferred_username",
                                            "profile",      "picture",
                                            "website",      "gender",
                                            "birthdate",    "zoneinfo",
                                            "locale",       "updated_at",
                                            "email",        "email_verified",
                                            "phone_number", "phone_number_verified",
                                            "address",      "groups"}));
  document.set("authorization_response_iss_parameter_supported", true);
  document.set("claims_parameter_supported", true);
  document.set("request_parameter_supported", false);
  document.set("request_uri_parameter_supported", false);
  document.set("backchannel_logout_supported", true);
  document.set("backchannel_logout_session_supported", true);
  return document.dump();
}

http::Response Provider::Impl::discovery() const {
  http::Response response;
  response.headers = {{"content-type", "application/json"},
                      {"cache-control", jwks_cache_control},
                      {"access-control-allow-origin", "*"}};
  response.body = discovery_json;
  return response;
}

http::Response Provider::Impl::jwks() const {
  http::Response response;
  response.headers = {{"content-type", "application/jwk-set+json"},
                      {"cache-control", jwks_cache_control},
                      {"access-control-allow-origin", "*"}};
  response.body = keys.snapshot()->jwks;
  return response;
}

}  // namespace openunison::oidc
