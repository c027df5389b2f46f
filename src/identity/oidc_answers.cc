// SPDX-License-Identifier: Apache-2.0
#include "identity/oidc_answers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "identity/names.h"
#include "text/utf8.h"

namespace openunison::identity {
namespace {

using text::Json;

constexpr std::size_t kMaxAnswerBytes = 512 * 1024;
constexpr std::size_t kMaxTokenBytes = 64 * 1024;
constexpr std::size_t kShown = 200;
constexpr Seconds kLongestLife{30 * 86'400};
constexpr std::string_view kLogoutEvent = "http://schemas.openid.net/event/backchannel-logout";

std::unexpected<Error> bad(std::string message) {
  return fail(Errc::bad_response, std::move(message));
}

std::string content_type(const http::Headers& headers) {
  const auto value = headers.get("content-type").value_or("");
  return text::ascii_lower(value.substr(0, value.find(';')));
}

// Visible ASCII only, as RFC 6749 §A has it for tokens; bounded.
Result<Secret> token_member(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  if (member == nullptr || member->is_null()) return Secret();
  const std::string* value = member->string();
  const bool good = value != nullptr && value->size() <= kMaxTokenBytes &&
                    std::ranges::all_of(*value, [](char c) { return c >= 0x20 && c <= 0x7E; });
  if (!good) return bad("the token answer's " + std::string(name) + " is no token");
  return Secret(*value);
}

// "3600" as well: some providers quote it.
std::optional<Seconds> life_of(const Json& json) {
  const Json* member = json.find("expires_in");
  if (member == nullptr) return std::nullopt;
  std::int64_t seconds = 0;
  if (const auto number = member->number()) {
    if (!(*number > 0)) return std::nullopt;
    seconds =
        static_cast<std::int64_t>(std::min(*number, static_cast<double>(kLongestLife.count())));
  } else if (const std::string* text = member->string()) {
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size() || seconds <= 0)
      return std::nullopt;
  } else {
    return std::nullopt;
  }
  return std::min(Seconds(seconds), kLongestLife);
}

std::string plain_type(const std::string& type) {
  std::string lower = text::ascii_lower(type);
  if (lower.starts_with("application/")) lower.erase(0, 12);
  return lower;
}

std::string short_string(const Json& claims, std::string_view name, std::size_t most) {
  const std::string* value = claims.find_string(name);
  return value != nullptr && value->size() <= most && name_problem(*value).empty() ? *value
                                                                                   : std::string();
}

std::vector<std::string> methods_of(const Json& claims) {
  std::vector<std::string> methods;
  const Json* amr = claims.find("amr");
  if (amr == nullptr || amr->array() == nullptr) return methods;
  for (const Json& item : *amr->array()) {
    const std::string* method = item.string();
    if (method == nullptr || method->size() > 64 || !name_problem(*method).empty()) continue;
    if (methods.size() < 16) methods.push_back(*method);
  }
  return methods;
}

std::array<std::string_view, 6> attribute_claims(const config::IdentityProvider& settings) {
  const config::ClaimNames& names = settings.claims;
  return {names.sub,         names.email,        names.given_name,
          names.family_name, names.display_name, names.groups};
}

bool is_attribute(std::string_view name, const config::IdentityProvider& settings) {
  if (name == "sub") return false;
  return name == "email_verified" || std::ranges::count(attribute_claims(settings), name) > 0;
}

bool is_protocol_claim(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "iss",       "sub", "aud", "azp", "exp",     "iat", "nbf", "jti", "nonce",
      "auth_time", "acr", "amr", "sid", "at_hash", "tid", "oid", "hd"};
  return std::ranges::count(kNames, name) > 0;
}

// Whether an address is verified is said by the one who says the address.
void settle_email_verified(Json& merged, const std::string& email_of_id_token, const Json& id_token,
                           const Json& userinfo, const config::IdentityProvider& settings) {
  const Json* verified = nullptr;
  const std::string* email_of_userinfo = userinfo.find_string(settings.claims.email);
  if (!email_of_id_token.empty()) verified = id_token.find("email_verified");
  if (email_of_id_token.empty() ||
      (email_of_userinfo != nullptr && *email_of_userinfo == email_of_id_token)) {
    if (verified == nullptr) verified = userinfo.find("email_verified");
  }
  std::erase_if(*merged.object(),
                [](const Json::Member& member) { return member.first == "email_verified"; });
  if (verified != nullptr) merged.set("email_verified", *verified);
}

}  // namespace

Result<Json> json_object(const http::Response& response, std::string_view what) {
  const std::string subject = "the identity provider's " + std::string(what);
  if (response.status != 200)
    return bad(subject + " answered with status " + std::to_string(response.status));
  auto json = Json::parse(response.body, kMaxAnswerBytes);
  if (!json) {
    const std::string type = content_type(response.headers);
    return bad(subject + " isn't JSON" + (type.empty() ? "" : " but " + printable(type, 64)) +
               ": " + json.error().message());
  }
  if (json->object() == nullptr) return bad(subject + " is no JSON object");
  return json;
}

Result<TokenAnswer> parse_token_answer(const http::Response& response) {
  const Json json = TRY(json_object(response, "token answer"));
  TokenAnswer answer;
  answer.access_token = TRY(token_member(json, "access_token"));
  answer.refresh_token = TRY(token_member(json, "refresh_token"));
  answer.id_token = TRY(token_member(json, "id_token"));
  answer.expires_in = life_of(json);
  const std::string* type = json.find_string("token_type");
  if (type != nullptr && !text::iequals_ascii(*type, "bearer")) {
    return bad("the identity provider gave out a token of the type " + printable(*type, 32) +
               "; only Bearer can be used");
  }
  if (answer.access_token.empty() && answer.id_token.empty()) {
    return bad("the identity provider's token answer has no token");
  }
  return answer;
}

Refusal parse_refusal(const http::Response& response) {
  Refusal refusal{response.status, "", ""};
  const auto json = Json::parse(response.body, 64 * 1024);
  const std::string* code = json ? json->find_string("error") : nullptr;
  if (code == nullptr || code->empty()) {
    refusal.text = "it answered with status " + std::to_string(response.status);
    return refusal;
  }
  refusal.code = printable(*code, 64);
  refusal.text = "it answered " + refusal.code;
  const std::string* description = json->find_string("error_description");
  if (description != nullptr && !description->empty())
    refusal.text += ": " + printable(*description, kShown);
  return refusal;
}

std::optional<Error> callback_error(const text::Form& parameters) {
  const std::string code(parameters.value("error"));
  if (code.empty()) return std::nullopt;
  std::string message = "the identity provider answered " + printable(code, 64);
  const std::string_view description = parameters.value("error_description");
  if (!description.empty()) message += ": " + printable(description, kShown);
  static constexpr std::string_view kInteraction[] = {
      "login_required", "interaction_required", "consent_required", "account_selection_required"};
  if (std::ranges::count(kInteraction, code) > 0)
    return Error(Errc::interaction_required, std::move(message));
  if (code == "server_error" || code == "temporarily_unavailable") {
    return Error(Errc::unreachable, std::move(message));
  }
  return Error(Errc::denied, std::move(message));
}

Result<void> check_id_token(const jose::VerifiedJwt& token, const IdTokenRules& rules) {
  // A token of another purpose, signed by the same key for the same audience, is no ID token.
  const std::string type = plain_type(token.type());
  if (type == "at+jwt" || type == "logout+jwt" || token.claims().find("events") != nullptr) {
    return bad("what the provider sent as ID token is a token of another kind");
  }
  const std::string* subject = token.string_claim("sub");
  if (subject == nullptr || subject->size() > kMaxSubjectBytes || !name_problem(*subject).empty()) {
    return bad("the ID token has no usable subject");
  }
  if (!rules.subject.empty() && *subject != rules.subject) {
    return bad("the refreshed ID token is somebody else's");
  }
  if (!token.time_claim("iat")) return bad("the ID token doesn't say when it was issued (iat)");

  const Json* azp = token.claims().find("azp");
  if (azp != nullptr && (azp->string() == nullptr || *azp->string() != rules.client_id)) {
    return bad("the ID token was issued to another client (azp)");
  }
  if (azp == nullptr && token.audience().size() > 1) {
    return bad("the ID token has several audiences and doesn't say for which client it is (azp)");
  }
  if (const Json* hash = token.claims().find("at_hash");
      hash != nullptr && !rules.access_token.empty()) {
    if (hash->string() == nullptr ||
        *hash->string() != jose::half_hash(rules.access_token, rules.algorithm)) {
      return bad("the ID token belongs to another access token (at_hash)");
    }
  }
  return {};
}

Result<RedirectConnector::LogoutNotice> read_logout_token(const jose::VerifiedJwt& token) {
  const std::string type = plain_type(token.type());
  if (!type.empty() && type != "logout+jwt" && type != "jwt")
    return bad("this is no logout token: its type says so");
  if (token.claims().find("nonce") != nullptr) return bad("a logout token must have no nonce");
  const Json* events = token.claims().find("events");
  const Json* event = events != nullptr ? events->find(kLogoutEvent) : nullptr;
  if (event == nullptr || event->object() == nullptr)
    return bad("the logout token has no logout event");

  RedirectConnector::LogoutNotice notice;
  const auto read = [&token](std::string_view name, std::string& into) {
    const Json* member = token.claims().find(name);
    if (member == nullptr) return true;
    const std::string* value = member->string();
    if (value == nullptr || value->size() > kMaxSubjectBytes || !name_problem(*value).empty())
      return false;
    into = *value;
    return true;
  };
  if (!read("sub", notice.subject) || !read("sid", notice.sid) || !read("jti", notice.jti)) {
    return bad("the logout token's sub, sid or jti can't be used");
  }
  if (notice.subject.empty() && notice.sid.empty())
    return bad("the logout token names neither person nor session");
  if (notice.jti.empty()) return bad("the logout token has no jti");
  const auto issued = token.time_claim("iat");
  const auto expires = token.time_claim("exp");
  if (!issued || !expires) return bad("the logout token has no iat or no exp");
  // Until when it would be accepted again, so long its jti must be remembered.
  notice.expires_at = std::min(*expires, *issued + kLogoutTokenAge) + kLeeway + Seconds(1);
  return notice;
}

bool needs_userinfo(const Json& id_token, const config::IdentityProvider& settings) {
  if (!settings.user_in_id_token) return true;
  const config::ClaimNames& names = settings.claims;
  return std::ranges::any_of(
      std::array<std::string_view, 4>{names.sub, names.email, names.display_name, names.groups},
      [&](std::string_view name) { return id_token.find(name) == nullptr; });
}

Json merge_claims(const Json& id_token, const Json& userinfo,
                  const config::IdentityProvider& settings) {
  Json merged{Json::Object()};
  const bool has_id_token = id_token.object() != nullptr;
  if (has_id_token) {
    for (const auto& [name, value] : *id_token.object()) {
      if (settings.user_in_id_token || !is_attribute(name, settings)) merged.set(name, value);
    }
  }
  if (userinfo.object() == nullptr) return merged;
  const std::string* told_first = merged.find_string(settings.claims.email);
  const std::string email_of_id_token = told_first != nullptr ? *told_first : std::string();
  for (const auto& [name, value] : *userinfo.object()) {
    if (merged.find(name) != nullptr) continue;
    if (has_id_token && is_protocol_claim(name) && !is_attribute(name, settings)) continue;
    merged.set(name, value);
  }
  settle_email_verified(merged, email_of_id_token, id_token, userinfo, settings);
  return merged;
}

bool groups_were_left_out(const Json& claims, const config::IdentityProvider& settings) {
  if (claims.find(settings.claims.groups) != nullptr) return false;
  const Json* elsewhere = claims.find("_claim_names");
  if (elsewhere != nullptr && elsewhere->find(settings.claims.groups) != nullptr) return true;
  const Json* has = claims.find("hasgroups");
  if (has == nullptr || settings.claims.groups != "groups") return false;
  return (has->boolean() != nullptr && *has->boolean()) ||
         (has->string() != nullptr && *has->string() == "true");
}

std::string missing_without_id_token(const Json& userinfo,
                                     const config::IdentityProvider& settings) {
  if (!settings.tenants.empty() && userinfo.find("tid") == nullptr) return "tid";
  if (userinfo.find(settings.claims.sub) == nullptr) return settings.claims.sub;
  if (settings.user_in_id_token && userinfo.find(settings.claims.groups) == nullptr)
    return settings.claims.groups;
  return "";
}

Result<Identity> read_identity(Json claims, WallTime now) {
  Identity identity;
  identity.subject = short_string(claims, "sub", kMaxSubjectBytes);
  if (identity.subject.empty())
    return bad("the identity provider's answer has no usable subject (sub)");
  identity.authenticated_at = now;
  if (const Json* time = claims.find("auth_time"); time != nullptr && time->integer() != nullptr) {
    const std::int64_t seconds = *time->integer();
    if (seconds > 0 && seconds <= unix_seconds(now))
      identity.authenticated_at = from_unix_seconds(seconds);
  }
  identity.amr = methods_of(claims);
  identity.acr = short_string(claims, "acr", 256);
  identity.upstream_sid = short_string(claims, "sid", kMaxSubjectBytes);
  identity.claims = std::move(claims);
  return identity;
}

}  // namespace openunison::identity
