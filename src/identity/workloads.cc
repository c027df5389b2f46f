// SPDX-License-Identifier: Apache-2.0
#include "identity/workloads.h"

#include <algorithm>

#include "identity/error.h"
#include "identity/names.h"

namespace openunison::identity {
namespace {

constexpr std::size_t kShown = 128;

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

bool has_claims(const config::Workload& workload, const text::Json& claims) {
  return std::ranges::all_of(workload.claims, [&](const auto& wanted) {
    const text::Json* claim = claims.find(wanted.first);
    if (claim == nullptr) return false;
    if (const bool* flag = claim->boolean()) return wanted.second == (*flag ? "true" : "false");
    const std::string* text = claim->string();
    return text != nullptr && *text == wanted.second;
  });
}

bool has_subject(const config::Workload& workload, std::string_view subject) {
  return std::ranges::any_of(
      workload.subjects, [&](const std::string& pattern) { return glob_match(pattern, subject); });
}

}  // namespace

Workloads::Workloads(std::shared_ptr<const config::Values> values, Fetcher fetch,
                     const Clock* clock)
    : values_(std::move(values)), clock_(clock) {
  for (const config::Workload& workload : values_->workloads) {
    const bool known = std::ranges::any_of(
        issuers_, [&](const auto& issuer) { return issuer->issuer() == workload.issuer; });
    if (known) continue;
    issuers_.push_back(std::make_unique<IssuerKeys>(workload.issuer, workload.jwks_uri,
                                                    workload.name, fetch, clock));
  }
}

bool Workloads::any_for(std::string_view cluster) const {
  return std::ranges::any_of(values_->workloads, [&](const config::Workload& workload) {
    return contains(workload.clusters, cluster);
  });
}

Task<Result<Admitted>> Workloads::admit(std::string token, std::string cluster,
                                        net::Deadline deadline) {
  auto parsed = jose::UnverifiedJwt::parse(token);
  if (!parsed) co_return fail(Errc::bad_response, parsed.error().message());
  // Nobody makes us ask an address that values don't name.
  const std::string claimed = parsed->claimed_issuer();
  const auto issuer =
      std::ranges::find_if(issuers_, [&](const auto& each) { return each->issuer() == claimed; });
  if (issuer == issuers_.end())
    co_return fail(Errc::bad_response, "tokens of its issuer aren't taken here");
  auto verified = co_await (*issuer)->verify(std::move(*parsed), deadline);
  if (!verified) co_return std::unexpected(verified.error());
  co_return match(*verified, cluster);
}

Task<std::vector<Workloads::Unreachable>> Workloads::probe(Millis each) {
  std::vector<Unreachable> unreachable;
  for (const auto& issuer : issuers_) {
    auto there = co_await issuer->probe(net::in(each));
    if (!there) unreachable.emplace_back(issuer->label(), there.error());
  }
  co_return unreachable;
}

Result<Admitted> Workloads::match(const jose::VerifiedJwt& token, std::string_view cluster) const {
  const std::string* subject = token.string_claim("sub");
  if (subject == nullptr) return fail(Errc::bad_response, "the token has no sub");
  const auto expires = token.time_claim("exp");
  // Without the leeway that other clocks get: what we give out must not outlive it.
  if (!expires || *expires <= clock_->now())
    return fail(Errc::bad_response, "the token has expired");
  const std::string* issuer = token.string_claim("iss");
  const std::vector<std::string> audience = token.audience();
  for (const config::Workload& workload : values_->workloads) {
    if (issuer == nullptr || workload.issuer != *issuer) continue;
    if (!contains(audience, workload.audience) || !contains(workload.clusters, cluster)) continue;
    if (!has_subject(workload, *subject) || !has_claims(workload, token.claims())) continue;
    auto admitted = TRY(name(workload, *subject));
    admitted.expires_at_ = *expires;
    return admitted;
  }
  return fail(Errc::not_allowed, "no entry of openunison.workloads lets " +
                                     printable(*subject, kShown) + " with the audience " +
                                     list_of(audience) + " into " + std::string(cluster));
}

Result<Admitted> Workloads::name(const config::Workload& workload,
                                 const std::string& subject) const {
  const auto refuse = [&](std::string_view what, std::string_view why) {
    return fail(Errc::bad_name,
                "the name \"" + printable(what, kShown) + "\" can't be used: " + std::string(why));
  };
  if (const auto why = name_problem(subject); !why.empty()) return refuse(subject, why);
  Admitted admitted;
  admitted.workload_ = workload.name;
  admitted.issuer_ = workload.issuer;
  admitted.subject_ = subject;
  admitted.user_ = workload.username_prefix + subject;
  if (const auto why = name_problem(admitted.user_); !why.empty())
    return refuse(admitted.user_, why);
  if (admitted.user_.size() > kMaxSubjectBytes)
    return refuse(admitted.user_, "it is longer than 255 bytes");
  if (looks_like_system(admitted.user_))
    return refuse(admitted.user_, "system: names are never passed on");
  for (const std::string& group : workload.groups) {
    if (const auto why = name_problem(group); !why.empty()) return refuse(group, why);
    if (looks_like_system(group) && !contains(values_->authentication.allowed_system_names, group))
      return refuse(group, "system: names are never passed on");
  }
  admitted.groups_ = workload.groups;
  std::ranges::sort(admitted.groups_);
  const auto repeated = std::ranges::unique(admitted.groups_);
  admitted.groups_.erase(repeated.begin(), repeated.end());
  return admitted;
}

}  // namespace openunison::identity
