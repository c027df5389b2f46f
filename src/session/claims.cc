// SPDX-License-Identifier: Apache-2.0
#include "session/claims.h"

#include <algorithm>

#include "text/url.h"
#include "text/utf8.h"
#include "text/words.h"

namespace openunison::session {
namespace {

constexpr std::size_t kMaxText = 1'024;

std::string_view name_of(Place place) {
  return place == Place::id_token ? "id_token/" : "userinfo/";
}

// --- The forms that standard claims have (§5.1) ---

bool is_text(const text::Json& value) {
  const std::string* string = value.string();
  return string != nullptr && !string->empty() && string->size() <= kMaxText &&
         !text::has_control(*string);
}

bool is_url(const text::Json& value) {
  return is_text(value) && text::Url::parse(*value.string()).has_value();
}

// YYYY or YYYY-MM-DD.
bool is_date(const text::Json& value) {
  const std::string* string = value.string();
  if (string == nullptr || (string->size() != 4 && string->size() != 10)) return false;
  for (std::size_t i = 0; i < string->size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? (*string)[i] != '-' : ((*string)[i] < '0' || (*string)[i] > '9')) return false;
  }
  return true;
}

bool is_time(const text::Json& value) {
  return value.integer() != nullptr && *value.integer() >= 0;
}

bool is_boolean(const text::Json& value) {
  return value.boolean() != nullptr;
}

bool is_object(const text::Json& value) {
  return value.object() != nullptr;
}

// Those that are passed on as the upstream sent them.
struct Passed {
  std::string_view name, scope;
  bool (*good)(const text::Json&);
};
constexpr Passed kPassed[] = {
    {"middle_name", "profile", is_text}, {"nickname", "profile", is_text},
    {"profile", "profile", is_url},      {"picture", "profile", is_url},
    {"website", "profile", is_url},      {"gender", "profile", is_text},
    {"birthdate", "profile", is_date},   {"zoneinfo", "profile", is_text},
    {"locale", "profile", is_text},      {"updated_at", "profile", is_time},
    {"phone_number", "phone", is_text},  {"phone_number_verified", "phone", is_boolean},
    {"address", "address", is_object},
};
constexpr std::string_view kMapped[] = {"name",  "preferred_username", "given_name", "family_name",
                                        "email", "email_verified",     "groups"};
constexpr std::string_view kAddressParts[] = {"formatted", "street_address", "locality",
                                              "region",    "postal_code",    "country"};

// An address has lines, so that control bytes are fine in it (§5.1.1).
text::Json address_of(const text::Json& arrived) {
  text::Json address;
  for (const std::string_view part : kAddressParts) {
    const std::string* value = arrived.find_string(part);
    if (value != nullptr && !value->empty() && value->size() <= kMaxText) address.set(part, *value);
  }
  return address;
}

void write_passed(text::JsonWriter& writer, std::string_view claims, std::string_view granted,
                  Place place) {
  const auto read = text::Json::parse(claims);
  if (!read) return;
  const text::Json& arrived = *read;
  for (const Passed& claim : kPassed) {
    const text::Json* value = arrived.find(claim.name);
    if (value == nullptr || !claim.good(*value)) continue;
    const bool asked =
        text::has_word(granted, std::string(name_of(place)) + std::string(claim.name));
    if (!asked && (place == Place::id_token || !text::has_word(granted, claim.scope))) continue;
    if (claim.name == "address") {
      const text::Json address = address_of(*value);
      if (!address.is_null()) writer.member(claim.name, address);
      continue;
    }
    if (claim.name == "phone_number_verified") {
      const text::Json* number = arrived.find("phone_number");
      if (number == nullptr || !is_text(*number)) continue;
    }
    writer.member(claim.name, *value);
  }
}

}  // namespace

bool wants(std::string_view granted, Place place, std::string_view scope, std::string_view claim) {
  if (text::has_word(granted, scope)) return true;
  if (granted.find('/') == std::string_view::npos) return false;
  return text::has_word(granted, std::string(name_of(place)) + std::string(claim));
}

std::string scopes_of(std::string_view granted) {
  if (granted.find('/') == std::string_view::npos) return std::string(granted);
  std::string scopes;
  for (std::size_t at = 0; at < granted.size();) {
    const std::size_t end = std::min(granted.find(' ', at), granted.size());
    const std::string_view word = granted.substr(at, end - at);
    at = end + 1;
    if (word.empty() || word.find('/') != std::string_view::npos) continue;
    scopes += (scopes.empty() ? "" : " ") + std::string(word);
  }
  return scopes;
}

std::string claim_grant(Place place, std::string_view claim) {
  const bool known =
      std::ranges::find(kMapped, claim) != std::end(kMapped) ||
      std::ranges::any_of(kPassed, [&](const Passed& each) { return each.name == claim; });
  return known ? std::string(name_of(place)) + std::string(claim) : "";
}

void write_claims(text::JsonWriter& writer, const identity::Principal& principal,
                  std::string_view granted, Place place) {
  const auto text_if = [&](std::string_view scope, std::string_view name,
                           const std::string& value) {
    if (!value.empty() && wants(granted, place, scope, name)) writer.member(name, value);
  };
  text_if("profile", "name", principal.display_name);
  text_if("profile", "preferred_username", principal.user);
  text_if("profile", "given_name", principal.given_name);
  text_if("profile", "family_name", principal.family_name);
  text_if("email", "email", principal.email);
  if (!principal.email.empty() && principal.email_verified &&
      wants(granted, place, "email", "email_verified")) {
    writer.member("email_verified", *principal.email_verified);
  }
  if (wants(granted, place, "groups", "groups")) {
    writer.key("groups").begin_array();
    for (const std::string& group : principal.groups) writer.value(std::string_view(group));
    writer.end_array();
  }
  if (place == Place::userinfo || granted.find('/') != std::string_view::npos)
    write_passed(writer, principal.claims, granted, place);
}

}  // namespace openunison::session
