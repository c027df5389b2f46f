// SPDX-License-Identifier: Apache-2.0
//
// Identity: what a provider says of a person, verified. Principal: what we make of it by claim
// mapping: the name and groups that clusters and applications see. Only map_identity makes a
// Principal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/values.h"
#include "text/json.h"

namespace openunison::identity {

// What lets us ask the provider again. Sealed before it is stored.
struct Grant {
  Secret refresh_token, access_token;
  WallTime access_expires_at{};  // the epoch: unknown
  Secret id_token;               // as id_token_hint at sign-out
  text::Json to_json() const;    // for sealing only
  static Result<Grant> from_json(const text::Json& json);
};

struct Identity {
  std::string provider;  // IdentityProvider::name
  std::string subject;   // upstream sub: the account key
  text::Json claims;     // object, as they arrived (ID token and userinfo merged)
  WallTime authenticated_at{};
  std::vector<std::string> amr;
  std::string acr;
  std::string upstream_sid;
  std::optional<Grant> grant;
  bool recheckable = false;
};

struct DroppedGroup {
  std::string name, reason;  // "system: names are never passed on", "the filter in values"
  bool operator==(const DroppedGroup&) const = default;
};

struct Principal {
  std::string provider, subject;
  std::string user;  // the `sub` of our tokens
  std::string display_name, given_name, family_name, email;
  std::optional<bool> email_verified;
  std::vector<std::string> groups;  // sorted, unique
  std::vector<DroppedGroup> dropped;
  std::vector<std::string> amr;
  std::string acr;
  std::string claims;  // a JSON object as it arrived, read by the few who show or pass them
  WallTime authenticated_at{};

  // A line of JSON and a line with the claims: every refresh reads the first, few read the second.
  std::string to_text() const;
  static Result<Principal> from_text(std::string_view text);
  bool in_any(const std::vector<std::string>& groups) const;  // empty list: true
};

// Applies claim names, prefixes, filter, system: rule, domain and tenant rules, az_groups.
// Errors: bad_name, not_allowed (message names the groups or domain wanted), too_big (over 2,000
// groups or 256 KiB of claims).
Result<Principal> map_identity(const Identity& identity, const config::IdentityProvider& provider,
                               const config::Values& values);

}  // namespace openunison::identity
