// SPDX-License-Identifier: Apache-2.0
//
// map_identity: from what a provider says of a person to the name and groups that clusters see.
// Pure. Order matters and is the order of the functions below: bounds, who it is, groups with
// prefixes and the system: rule, who may sign in (domain, tenant, az_groups: asked of everything
// that arrived), then the filter of what is passed on.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "identity/error.h"
#include "identity/identity.h"
#include "identity/names.h"
#include "text/utf8.h"

namespace openunison::identity {
namespace {

using text::Json;

constexpr std::size_t kMaxClaimBytes = 256 * 1024;
constexpr std::size_t kMaxClaims = 1'000;  // an object of over 1,024 names can't be read back
constexpr std::size_t kMaxGroups = 2'000;
// A stored principal nests the claims once more and must stay under the JSON reader's depth.
constexpr int kMaxClaimDepth = 24;
constexpr std::size_t kShownName = 256;

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

bool deeper_than(const Json& json, int levels) {
  if (levels < 0) return true;
  if (const Json::Array* items = json.array()) {
    return std::ranges::any_of(*items,
                               [&](const Json& item) { return deeper_than(item, levels - 1); });
  }
  if (const Json::Object* members = json.object()) {
    return std::ranges::any_of(*members, [&](const Json::Member& member) {
      return deeper_than(member.second, levels - 1);
    });
  }
  return false;
}

Result<void> check_bounds(const Identity& identity, const config::IdentityProvider& provider) {
  if (deeper_than(identity.claims, kMaxClaimDepth)) {
    return fail(Errc::too_big, "the identity provider's claims are nested too deeply");
  }
  // The ID token and userinfo together may have more than either.
  if (const Json::Object* claims = identity.claims.object(); claims && claims->size() > kMaxClaims)
    return fail(Errc::too_big, "the identity provider sent " + std::to_string(claims->size()) +
                                   " claims about you; at most 1,000 are accepted");
  const std::size_t bytes = identity.claims.dump().size();
  if (bytes > kMaxClaimBytes) {
    return fail(Errc::too_big, "the identity provider sent " + std::to_string(bytes / 1024) +
                                   " KiB of claims about you; at most 256 KiB are accepted");
  }
  const Json* groups = identity.claims.find(provider.claims.groups);
  if (groups != nullptr && groups->array() != nullptr && groups->array()->size() > kMaxGroups) {
    return fail(Errc::too_big,
                "the identity provider sent " + std::to_string(groups->array()->size()) +
                    " groups; at most 2,000 are accepted: let it send only those that matter here");
  }
  return {};
}

// Empty if `name` may leave us, else the reason.
std::string_view refusal(std::string_view name, const config::Values& values) {
  const std::string_view problem = name_problem(name);
  if (!problem.empty()) return problem;
  if (looks_like_system(name) && !contains(values.authentication.allowed_system_names, name)) {
    return "system: names are never passed on";
  }
  return "";
}

Result<std::string> map_user(const Identity& identity, const config::IdentityProvider& provider,
                             const config::Values& values) {
  const std::string_view subject_problem = name_problem(identity.subject);
  if (!subject_problem.empty() || identity.subject.size() > kMaxSubjectBytes) {
    return fail(
        Errc::bad_name,
        "the identity provider's subject can't be used: " +
            std::string(subject_problem.empty() ? "it is longer than 255 bytes" : subject_problem));
  }
  const Json* claim = identity.claims.find(provider.claims.sub);
  const std::string* value = claim ? claim->string() : nullptr;
  if (value == nullptr) {
    return fail(Errc::bad_name, "the identity provider sent no user name: its claim \"" +
                                    provider.claims.sub +
                                    (claim ? "\" is no text" : "\" is missing"));
  }
  // The name alone as well: a prefix must not hide that it is empty or starts with white space.
  const std::string_view own_problem = name_problem(*value);
  if (!own_problem.empty()) {
    return fail(Errc::bad_name, "the user name that the identity provider sent can't be used: " +
                                    std::string(own_problem));
  }
  std::string user = provider.username_prefix + *value;
  for (const config::Workload& workload : values.workloads) {
    // A program must not be taken for a person, nor a person for a program.
    if (user.starts_with(workload.username_prefix)) {
      return fail(Errc::bad_name, "the user name \"" + printable(user, kShownName) +
                                      "\" can't be used: names that begin with " +
                                      workload.username_prefix + " are those of programs");
    }
  }
  const std::string_view reason = refusal(user, values);
  if (!reason.empty()) {
    return fail(Errc::bad_name, "the user name \"" + printable(user, kShownName) +
                                    "\" can't be used: " + std::string(reason));
  }
  return user;
}

struct Groups {
  std::vector<std::string> arrived;  // mapped, with prefix, sorted, unique
  std::vector<DroppedGroup> dropped;

  void drop(std::string_view name, std::string_view reason) {
    dropped.push_back({printable(name, kShownName), std::string(reason)});
  }
  void add(const std::string& name, const config::IdentityProvider& provider,
           const config::Values& values) {
    std::string_view reason = name_problem(name);
    std::string mapped = provider.groups_prefix + name;
    if (reason.empty()) reason = refusal(mapped, values);
    if (!reason.empty()) return drop(mapped, reason);
    arrived.push_back(std::move(mapped));
  }
};

Groups map_groups(const Identity& identity, const config::IdentityProvider& provider,
                  const config::Values& values) {
  Groups groups;
  const Json* claim = identity.claims.find(provider.claims.groups);
  if (claim == nullptr || claim->is_null()) return groups;
  if (const std::string* one = claim->string()) {
    // One name, whatever it holds: a comma is a character of it, not a separator.
    if (!one->empty()) groups.add(*one, provider, values);
  } else if (const Json::Array* items = claim->array()) {
    for (const Json& item : *items) {
      if (const std::string* name = item.string()) {
        groups.add(*name, provider, values);
      } else {
        groups.drop(item.dump(), "it is no text");
      }
    }
  } else {
    groups.drop(provider.claims.groups, "the claim is neither a name nor a list of names");
  }
  std::ranges::sort(groups.arrived);
  const auto repeated = std::ranges::unique(groups.arrived);
  groups.arrived.erase(repeated.begin(), repeated.end());
  return groups;
}

bool says_true(const Json* claim) {
  if (claim == nullptr) return false;
  if (const bool* value = claim->boolean()) return *value;
  const std::string* text = claim->string();  // some providers' userinfo quotes it
  return text != nullptr && *text == "true";
}

// Google's accounts may carry any mail address, verified too: only `hd` says whose account it is.
// Fails closed: what isn't said, or isn't said to be verified, isn't so.
Result<void> check_domain(const Identity& identity, const config::IdentityProvider& provider) {
  if (provider.domain.empty()) return {};
  const std::string wanted = text::ascii_lower(provider.domain);
  const auto refuse = [&wanted](const char* why) {
    return fail(Errc::not_allowed, "only accounts of " + wanted + " may sign in here; " + why);
  };
  if (const Json* hosted = identity.claims.find("hd"); hosted != nullptr || provider.is_google()) {
    const std::string* domain = hosted ? hosted->string() : nullptr;
    if (domain == nullptr) return refuse("this account belongs to no organisation");
    if (text::ascii_lower(*domain) != wanted)
      return refuse("this account belongs to another domain");
    return {};
  }
  const std::string* email = identity.claims.find_string(provider.claims.email);
  if (email == nullptr) return refuse("the identity provider sent no mail address");
  const std::size_t at = email->find('@');
  if (at == std::string::npos || at == 0 || email->find('@', at + 1) != std::string::npos ||
      text::ascii_lower(email->substr(at + 1)) != wanted) {
    return refuse("this account's mail address is of another domain");
  }
  if (!says_true(identity.claims.find("email_verified"))) {
    return refuse("the identity provider doesn't say that this account's mail address is verified");
  }
  return {};
}

Result<void> check_tenant(const Identity& identity, const config::IdentityProvider& provider) {
  if (provider.tenants.empty()) return {};
  const std::string* tenant = identity.claims.find_string("tid");
  const bool allowed =
      tenant != nullptr && std::ranges::any_of(provider.tenants, [&](const std::string& id) {
        return text::iequals_ascii(id, *tenant);
      });
  if (allowed) return {};
  return fail(Errc::not_allowed, "only accounts of the tenants " + list_of(provider.tenants) +
                                     " may sign in here; this account is of " +
                                     (tenant ? printable(*tenant, 64) : std::string("no tenant")));
}

Result<void> check_az_groups(const std::vector<std::string>& arrived,
                             const config::Values& values) {
  if (values.az_groups.empty()) return {};
  const bool member = std::ranges::any_of(values.az_groups, [&](const std::string& name) {
    return std::ranges::binary_search(arrived, name);
  });
  if (member) return {};
  return fail(Errc::not_allowed,
              std::string("signing in here needs ") +
                  (values.az_groups.size() == 1 ? "the group " : "one of the groups ") +
                  list_of(values.az_groups));
}

bool passes(const std::string& name, const config::GroupsFilter& filter) {
  const auto matches = [&name](const std::string& pattern) { return glob_match(pattern, name); };
  if (std::ranges::any_of(filter.exclude, matches)) return false;
  return filter.include.empty() || std::ranges::any_of(filter.include, matches);
}

// A text for people: "" where it is absent or nothing that one would show.
std::string attribute(const Identity& identity, const std::string& claim) {
  const std::string* value = identity.claims.find_string(claim);
  return value != nullptr && name_problem(*value).empty() ? *value : std::string();
}

void add_attributes(Principal& principal, const Identity& identity,
                    const config::IdentityProvider& provider) {
  principal.given_name = attribute(identity, provider.claims.given_name);
  principal.family_name = attribute(identity, provider.claims.family_name);
  principal.display_name = attribute(identity, provider.claims.display_name);
  principal.email = attribute(identity, provider.claims.email);
  if (principal.display_name.empty()) {
    const bool both = !principal.given_name.empty() && !principal.family_name.empty();
    principal.display_name = principal.given_name + (both ? " " : "") + principal.family_name;
  }
  if (principal.display_name.empty()) principal.display_name = principal.user;
  const Json* verified = identity.claims.find("email_verified");
  if (!principal.email.empty() && verified != nullptr)
    principal.email_verified = says_true(verified);
}

}  // namespace

Result<Principal> map_identity(const Identity& identity, const config::IdentityProvider& provider,
                               const config::Values& values) {
  TRY_VOID(check_bounds(identity, provider));
  Principal principal;
  principal.user = TRY(map_user(identity, provider, values));
  Groups groups = map_groups(identity, provider, values);
  TRY_VOID(check_domain(identity, provider));
  TRY_VOID(check_tenant(identity, provider));
  TRY_VOID(check_az_groups(groups.arrived, values));

  for (std::string& name : groups.arrived) {
    if (passes(name, values.groups_filter)) {
      principal.groups.push_back(std::move(name));
    } else {
      groups.drop(name, "the filter in values");
    }
  }
  principal.provider = provider.name;
  principal.subject = identity.subject;
  principal.dropped = std::move(groups.dropped);
  add_attributes(principal, identity, provider);
  principal.amr = identity.amr;
  principal.acr = identity.acr;
  principal.claims = identity.claims.dump();
  principal.authenticated_at = identity.authenticated_at;
  return principal;
}

}  // namespace openunison::identity
