// SPDX-License-Identifier: Apache-2.0
#include "identity/user_claims.h"

#include <algorithm>
#include <charconv>

#include "identity/names.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::identity {
namespace {

using text::Json;
using text::Yaml;
using Parsed = std::expected<Json, ClaimProblem>;

constexpr std::size_t kMaxText = 1'024;

std::unexpected<ClaimProblem> problem(const Yaml& at, std::string message) {
  return std::unexpected(ClaimProblem{at.position, std::move(message)});
}

// --- The forms of values; `name` is for messages ---

Parsed read_lines(std::string_view name, const Yaml& value) {
  if (value.kind != Yaml::Kind::scalar || value.scalar.empty())
    return problem(value, std::string(name) + " must be text");
  if (value.scalar.size() > kMaxText)
    return problem(value, std::string(name) + " is over 1024 bytes");
  if (!text::valid_utf8(value.scalar))
    return problem(value, std::string(name) + " is no valid UTF-8");
  return Json(value.scalar);
}

Parsed read_text(std::string_view name, const Yaml& value) {
  auto read = read_lines(name, value);
  if (read && text::has_control(value.scalar))
    return problem(value, std::string(name) + " has control characters");
  return read;
}

// acr_values is a list with spaces between.
Parsed read_word(std::string_view name, const Yaml& value) {
  auto read = read_text(name, value);
  if (read && value.scalar.find(' ') != std::string::npos)
    return problem(value, std::string(name) + " must be one word");
  return read;
}

Parsed read_url(std::string_view name, const Yaml& value) {
  auto read = read_text(name, value);
  if (read && !text::Url::parse(value.scalar))
    return problem(value, std::string(name) + " must be an address: https://...");
  return read;
}

Parsed read_date(std::string_view name, const Yaml& value) {
  const std::string& date = value.scalar;
  bool good = value.kind == Yaml::Kind::scalar && (date.size() == 4 || date.size() == 10);
  for (std::size_t i = 0; good && i < date.size(); ++i)
    good = i == 4 || i == 7 ? date[i] == '-' : date[i] >= '0' && date[i] <= '9';
  if (!good) return problem(value, std::string(name) + " must be YYYY-MM-DD or YYYY");
  return Json(date);
}

Parsed read_boolean(std::string_view name, const Yaml& value) {
  if (value.kind == Yaml::Kind::scalar && !value.quoted) {
    if (value.scalar == "true") return Json(true);
    if (value.scalar == "false") return Json(false);
  }
  return problem(value, std::string(name) + " must be true or false");
}

Parsed read_time(std::string_view name, const Yaml& value) {
  std::int64_t seconds = -1;
  const char* const end = value.scalar.data() + value.scalar.size();
  const auto read = std::from_chars(value.scalar.data(), end, seconds);
  const bool good = value.kind == Yaml::Kind::scalar && !value.quoted && read.ec == std::errc{} &&
                    read.ptr == end && seconds >= 0;
  if (!good) return problem(value, std::string(name) + " must be seconds since 1970");
  return Json(seconds);
}

Parsed read_address(std::string_view name, const Yaml& value);

struct Known {
  std::string_view name;
  Parsed (*read)(std::string_view name, const Yaml& value);
};
constexpr Known kClaims[] = {
    {"middle_name", read_text},  {"nickname", read_text},
    {"profile", read_url},       {"picture", read_url},
    {"website", read_url},       {"gender", read_text},
    {"birthdate", read_date},    {"zoneinfo", read_text},
    {"locale", read_text},       {"updated_at", read_time},
    {"phone_number", read_text}, {"phone_number_verified", read_boolean},
    {"address", read_address},   {"acr", read_word},
};
// An address has lines (§5.1.1).
constexpr Known kAddressParts[] = {
    {"formatted", read_lines}, {"street_address", read_lines}, {"locality", read_text},
    {"region", read_text},     {"postal_code", read_text},     {"country", read_text},
};

template <std::size_t N>
Parsed read_members(const Known (&known)[N], const std::string& prefix, const Yaml& yaml) {
  Json object;
  for (const Yaml::Entry& entry : yaml.entries) {
    const auto* const found = std::ranges::find(known, entry.key, &Known::name);
    if (found == std::end(known)) {
      std::string names;
      for (const Known& each : known) names.append(names.empty() ? "" : ", ").append(each.name);
      return std::unexpected(ClaimProblem{
          entry.position,
          "unknown claim \"" + prefix + printable(entry.key, 64) + "\"; there are " + names});
    }
    auto value = found->read(prefix + std::string(found->name), entry.value);
    if (!value) return value;
    object.set(entry.key, std::move(*value));
  }
  return object;
}

Parsed read_address(std::string_view name, const Yaml& value) {
  if (value.kind != Yaml::Kind::map)
    return problem(value, std::string(name) + " must be a map with street_address and the like");
  return read_members(kAddressParts, "address.", value);
}

std::string value_text(const Json& value) {
  return value.string() != nullptr ? text::yaml_scalar(*value.string()) : value.dump();
}

}  // namespace

Parsed parse_user_claims(const Yaml& yaml) {
  if (yaml.kind == Yaml::Kind::null) return Json();
  if (yaml.kind != Yaml::Kind::map) return problem(yaml, "claims must be a map");
  return read_members(kClaims, "", yaml);
}

std::string user_claims_text(const Json& claims) {
  if (claims.object() == nullptr || claims.object()->empty()) return {};
  std::string out = "    claims:\n";
  for (const auto& [name, value] : *claims.object()) {
    out += "      " + name + ':';
    if (value.object() == nullptr) {
      out += ' ' + value_text(value) + '\n';
      continue;
    }
    out += '\n';
    for (const auto& [part, line] : *value.object())
      out += "        " + part + ": " + value_text(line) + '\n';
  }
  return out;
}

}  // namespace openunison::identity
