// SPDX-License-Identifier: Apache-2.0
//
// Programs that exchange a token of another issuer for one of ours (openunison.workloads). Nobody
// is let in unless an entry says so, and no entry may make a name that a person could have.
#include <algorithm>
#include <set>

#include "config/checks.h"
#include "config/parser.h"
#include "text/utf8.h"

namespace openunison::config {
namespace {

using text::Yaml;

constexpr std::size_t kMaxWorkloads = 500;
constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxText = 256;
constexpr const char* kWorkloads = "openunison.workloads";

bool is_usable(const std::string& text) {
  return !text.empty() && text.size() <= kMaxText && text::valid_utf8(text) &&
         !text::has_control(text);
}

bool overlap(std::string_view one, std::string_view other) {
  return one.starts_with(other) || other.starts_with(one);
}

}  // namespace

void Parser::read_workloads() {
  const std::vector<Item> all = items(kWorkloads);
  if (all.size() > kMaxWorkloads)
    return error(root(), kWorkloads,
                 "has too many entries: at most " + std::to_string(kMaxWorkloads));
  for (const Item& item : all) {
    Workload workload;
    workload.name = required(item, "name", "a unique name, for audit lines and metrics");
    workload.issuer = required(item, "issuer", "who makes its tokens, as they say it in iss");
    workload.jwks_uri = string(item, "jwks_uri");
    workload.audience = required(item, "audience", "for whom its tokens must be made (aud)");
    workload.subjects = strings(item, "subjects");
    workload.claims = read_exact_claims(item);
    workload.username_prefix =
        required(item, "username_prefix", "what its user names begin with, such as ci:");
    workload.groups = strings(item, "groups");
    workload.clusters = strings(item, "clusters");
    check_workload_tokens(workload, item);
    check_workload_subjects(workload, item);
    check_workload_names(workload, item);
    check_workload_access(workload, item);
    values_.workloads.push_back(std::move(workload));
  }
}

std::vector<std::pair<std::string, std::string>> Parser::read_exact_claims(const Item& item) {
  std::vector<std::pair<std::string, std::string>> claims;
  const Yaml* map = in_.find(*item.yaml, "claims");
  if (map == nullptr) return claims;
  if (map->kind != Yaml::Kind::map) {
    error(item, "claims", "must be a map of claims and the values that they must have");
    return claims;
  }
  for (const Yaml::Entry& entry : map->entries) {
    const std::string shown = item.shown + ".claims." + shown_text(entry.key);
    if (entry.value.kind != Yaml::Kind::scalar || !is_usable(entry.value.scalar)) {
      in_.error(entry.value.position, shown, "must be text of 1 to 256 bytes");
    } else {
      claims.emplace_back(entry.key, entry.value.scalar);
    }
  }
  return claims;
}

void Parser::check_workload_tokens(const Workload& workload, const Item& item) {
  if (!workload.issuer.empty()) check_https(item, "issuer", workload.issuer);
  if (!workload.jwks_uri.empty()) check_https(item, "jwks_uri", workload.jwks_uri);
  for (const Cluster& cluster : values_.clusters) {
    if (workload.issuer == values_.issuer(cluster)) {
      return error(item, "issuer",
                   "is this portal's own: people's tokens would become those of a program");
    }
  }
  for (const IdentityProvider& provider : values_.identity_providers) {
    if (!provider.issuer.empty() && provider.issuer == workload.issuer &&
        provider.client_id == workload.audience) {
      error(item, "audience",
            "is the client id that people sign in with at " + provider.name +
                ": their tokens would become those of a program");
    }
  }
  for (const Workload& other : values_.workloads) {
    if (other.issuer == workload.issuer && other.jwks_uri != workload.jwks_uri)
      error(item, "jwks_uri", "differs from that of " + other.name + ", which has the same issuer");
  }
  if (!workload.audience.empty() && workload.audience == workload.issuer) {
    warning(item, "audience",
            "is the issuer itself, whose own tokens all have it; ask for tokens with an audience "
            "of their own");
  }
}

void Parser::check_workload_subjects(const Workload& workload, const Item& item) {
  if (workload.subjects.empty()) warning(item, "subjects", "is empty, so that it lets nobody in");
  for (std::size_t i = 0; i < workload.subjects.size(); ++i) {
    const std::string& pattern = workload.subjects[i];
    if (!is_usable(pattern)) {
      error_at(item, "subjects", i, "must be text of 1 to 256 bytes");
    } else if (pattern.find_first_not_of('*') == std::string::npos && workload.claims.empty()) {
      error_at(item, "subjects", i,
               "would let in whoever has a token of this issuer; write a narrower pattern, or "
               "claims that must be there");
    }
  }
}

void Parser::check_workload_names(const Workload& workload, const Item& item) {
  if (!workload.name.empty() && !is_plain_name(workload.name, kMaxName))
    error(item, "name", "may have letters, digits, dots, dashes and underscores, up to 63");
  const std::string& prefix = workload.username_prefix;
  if (!prefix.empty() &&
      (!is_prefix(prefix) || prefix.size() < 2 || (prefix.back() != ':' && prefix.back() != '/'))) {
    error(item, "username_prefix",
          "must end in : or / and may have letters, digits and . _ : / @ # + - before that, such "
          "as ci:");
  } else if (prefix.find("system:") != std::string::npos) {
    error(item, "username_prefix",
          "must not have system: in it, which Kubernetes keeps for itself");
  }
  for (const IdentityProvider& provider : values_.identity_providers) {
    if (!prefix.empty() && provider.username_prefix.starts_with(prefix)) {
      error(item, "username_prefix",
            "is what the names of all people of " + provider.name + " begin with");
    }
  }
  for (const Workload& other : values_.workloads) {
    if (other.name == workload.name) error(item, "name", "another workload has this name");
    if (other.issuer != workload.issuer && !prefix.empty() &&
        overlap(other.username_prefix, prefix)) {
      error(item, "username_prefix",
            "and that of " + other.name +
                ", which has another issuer, could make the same name; neither may begin with the "
                "other");
    }
  }
}

void Parser::check_workload_access(const Workload& workload, const Item& item) {
  const auto& allowed = values_.authentication.allowed_system_names;
  for (std::size_t i = 0; i < workload.groups.size(); ++i) {
    const std::string& group = workload.groups[i];
    if (!is_usable(group)) {
      error_at(item, "groups", i, "must be text of 1 to 256 bytes");
    } else if (group.starts_with("system:") && std::ranges::find(allowed, group) == allowed.end()) {
      error_at(item, "groups", i,
               "begins with system:; where that is meant, name it in "
               "openunison.allowed_system_names");
    }
  }
  if (workload.clusters.empty())
    error(item, "clusters", "is missing: the names of the clusters that it may use");
  for (std::size_t i = 0; i < workload.clusters.size(); ++i) {
    if (std::ranges::find(values_.clusters, workload.clusters[i], &Cluster::name) ==
        values_.clusters.end())
      error_at(item, "clusters", i, "there is no cluster of this name");
  }
}

}  // namespace openunison::config
