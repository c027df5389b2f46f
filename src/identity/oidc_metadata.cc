// SPDX-License-Identifier: Apache-2.0
#include "identity/oidc_metadata.h"

#include <algorithm>

#include "identity/error.h"
#include "identity/names.h"
#include "text/json.h"

namespace openunison::identity {
namespace {

using text::Json;

constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
constexpr std::string_view kTenantPlaceholder = "{tenantid}";

std::unexpected<Error> refuse(const std::string& why) {
  return fail(Errc::unreachable, "the identity provider can't be used: " + why);
}

std::string_view without_slash(std::string_view issuer) {
  return issuer.ends_with('/') ? issuer.substr(0, issuer.size() - 1) : issuer;
}

Result<text::Url> endpoint(const std::string& name, const std::string& value) {
  auto url = text::Url::parse(value);
  if (!url) return refuse(name + " is no usable address: " + url.error().message());
  if (!url->is_https())
    return refuse(name + " must be an https address; it is " + printable(value, 200));
  if (url->fragment) return refuse(name + " has a fragment: " + printable(value, 200));
  return url;
}

// One endpoint: from values, else from the document, else "".
Result<std::string> address(const std::string& name, const std::string& written,
                            const Json& document) {
  if (!written.empty()) return written;
  const Json* member = document.find(name);
  if (member == nullptr || member->is_null()) return std::string();
  if (member->string() == nullptr) return refuse(name + " is no text");
  return *member->string();
}

Result<std::string> checked(const std::string& name, const std::string& written,
                            const Json& document) {
  std::string value = TRY(address(name, written, document));
  if (!value.empty()) TRY(endpoint(name, value));
  return value;
}

Result<std::optional<text::Url>> optional_endpoint(const std::string& name,
                                                   const std::string& written,
                                                   const Json& document) {
  const std::string value = TRY(address(name, written, document));
  if (value.empty()) return std::nullopt;
  return std::optional<text::Url>(TRY(endpoint(name, value)));
}

std::string_view with_tenant_replaced(std::string& buffer, std::string_view issuer,
                                      std::string_view tenant) {
  const std::size_t at = issuer.find(kTenantPlaceholder);
  buffer.assign(issuer.substr(0, at))
      .append(tenant)
      .append(issuer.substr(at + kTenantPlaceholder.size()));
  return buffer;
}

bool is_shared_entra(const std::string& issuer) {
  return issuer.find(kTenantPlaceholder) != std::string::npos;
}

Result<void> check_issuer(const std::string& issuer, const config::IdentityProvider& settings,
                          std::string_view pinned) {
  if (!pinned.empty() && issuer != pinned) {
    return refuse("its discovery named the issuer " + printable(pinned, 200) +
                  " before and now names " + printable(issuer, 200));
  }
  if (is_shared_entra(issuer)) {
    // "common" and "organizations": the document stands for every tenant there is.
    if (settings.profile != config::ProviderProfile::entra || settings.tenants.empty()) {
      return refuse(
          "its discovery is shared by all tenants; name the allowed ones in oidc.tenants, or use "
          "the "
          "issuer of your tenant");
    }
    return {};
  }
  if (without_slash(issuer) != without_slash(settings.issuer)) {
    return refuse("its discovery names the issuer " + printable(issuer, 200) +
                  ", values.yaml says " + printable(settings.issuer, 200));
  }
  return {};
}

// client_secret_basic is what is meant where nothing is said (Discovery §3).
bool only_in_body(const Json& document) {
  const Json* methods = document.find("token_endpoint_auth_methods_supported");
  if (methods == nullptr || methods->array() == nullptr) return false;
  const auto offers = [&](std::string_view name) {
    return std::ranges::any_of(*methods->array(), [name](const Json& method) {
      return method.string() != nullptr && *method.string() == name;
    });
  };
  return !offers("client_secret_basic") && offers("client_secret_post");
}

Result<Metadata> fill(const Json& document, const config::IdentityProvider& settings) {
  Metadata metadata;
  metadata.authorization_endpoint =
      TRY(checked("authorization_endpoint", settings.auth_url, document));
  if (metadata.authorization_endpoint.empty()) return refuse("it has no authorization_endpoint");
  const auto token_endpoint =
      TRY(optional_endpoint("token_endpoint", settings.token_url, document));
  if (!token_endpoint) return refuse("it has no token_endpoint");
  metadata.token_endpoint = *token_endpoint;
  metadata.userinfo_endpoint =
      TRY(optional_endpoint("userinfo_endpoint", settings.userinfo_url, document));
  metadata.jwks_uri = TRY(optional_endpoint("jwks_uri", "", document));
  metadata.end_session_endpoint = TRY(checked("end_session_endpoint", "", document));
  metadata.secret_in_body = only_in_body(document);
  const Json* iss = document.find("authorization_response_iss_parameter_supported");
  metadata.iss_parameter_supported = iss != nullptr && iss->boolean() != nullptr && *iss->boolean();
  return metadata;
}

}  // namespace

Result<text::Url> discovery_url(const std::string& issuer) {
  auto url = TRY(endpoint("the issuer", issuer));
  if (url.query) return refuse("the issuer must have no query");
  return endpoint("the issuer",
                  std::string(without_slash(issuer)) + "/.well-known/openid-configuration");
}

Result<Metadata> parse_metadata(std::string_view document, const config::IdentityProvider& settings,
                                std::string_view pinned) {
  auto json = Json::parse(document, kMaxDocumentBytes);
  if (!json) return refuse("its discovery document isn't JSON: " + json.error().message());
  if (json->object() == nullptr) return refuse("its discovery document is no JSON object");
  const std::string* issuer = json->find_string("issuer");
  if (issuer == nullptr || issuer->empty()) return refuse("its discovery document names no issuer");
  TRY_VOID(check_issuer(*issuer, settings, pinned));
  Metadata metadata = TRY(fill(*json, settings));
  if (!metadata.jwks_uri) return refuse("it has no jwks_uri");
  metadata.issuer = *issuer;
  return metadata;
}

Result<Metadata> manual_metadata(const config::IdentityProvider& settings) {
  Metadata metadata = TRY(fill(Json(Json::Object()), settings));
  if (!metadata.userinfo_endpoint) {
    return refuse("without oidc.issuer people are known by userinfo alone; set oidc.userinfo_url");
  }
  return metadata;
}

std::optional<std::string> expected_issuer(const Metadata& metadata,
                                           const config::IdentityProvider& settings,
                                           const std::string& claimed) {
  static constexpr std::string_view kGoogle = "https://accounts.google.com";
  if (metadata.issuer == kGoogle && claimed == kGoogle.substr(8)) return claimed;
  if (is_shared_entra(metadata.issuer)) {
    std::string buffer;
    for (const std::string& tenant : settings.tenants) {
      if (with_tenant_replaced(buffer, metadata.issuer, tenant) == claimed) return claimed;
    }
    return std::nullopt;
  }
  return metadata.issuer;
}

}  // namespace openunison::identity
