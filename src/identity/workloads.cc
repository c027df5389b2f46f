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

// The first claim that isn't as the entry wants it; null: all are.
const std::string* wrong_claim(const config::Workload& workload, const text::Json& claims) {
  const auto wrong = std::ranges::find_if(workload.claims, [&](const auto& wanted) {
    const text::Json* claim = claims.find(wanted.first);
    if (claim == nullptr) return true;
    if (const bool* flag = claim->boolean()) return wanted.second != (*flag ? "true" : "false");
    const std::string* text = claim->string();
    return text == nullptr || *text != wanted.second;
  });
  return wrong == workload.claims.end() ? nullptr : &wrong->first;
}

bool has_subject(const config::Workload& workload, std::string_view subject) {
  return std::ranges::any_of(
      workload.subjects, [&](const std::string& pattern) { return glob_match(pattern, subject); });
}

// Why no entry takes a token: of the entry that came furthest. Tells what the token has and not
// what entries want, for anybody can have a token of a public CI service.
class Refusal {
 public:
  enum class Step { audience, subject, claim, cluster };
  void note(Step step, std::string why) {
    if (!why_.empty() && step < step_) return;
    step_ = step;
    why_ = std::move(why);
  }
  const std::string& why() const { return why_; }

 private:
  Step step_ = Step::audience;
  std::string why_;
};

std::string wrong_audience(const std::vector<std::string>& audience) {
  if (audience.empty()) return "it has no audience (aud)";
  std::vector<std::string> shown;
  for (const std::string& each : audience) shown.push_back(printable(each, kShown));
  return "its audience (aud) is " + list_of(shown) + ", which no entry for its issuer takes";
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

Task<Result<jose::VerifiedJwt>> Workloads::verify(std::string token, net::Deadline deadline) {
  auto parsed = jose::UnverifiedJwt::parse(token);
  if (!parsed) co_return fail(Errc::bad_response, parsed.error().message());
  // Nobody makes us ask an address that values don't name.
  const std::string claimed = parsed->claimed_issuer();
  const auto issuer =
      std::ranges::find_if(issuers_, [&](const auto& each) { return each->issuer() == claimed; });
  if (issuer == issuers_.end()) {
    co_return fail(Errc::bad_response, "tokens of its issuer (iss) aren't taken here: " +
                                           (claimed.empty() ? std::string("it is missing")
                                                            : printable(claimed, kShown)));
  }
  co_return co_await (*issuer)->verify(std::move(*parsed), deadline);
}

Task<Result<Admitted>> Workloads::admit(std::string token, std::string cluster,
                                        net::Deadline deadline) {
  auto verified = co_await verify(std::move(token), deadline);
  if (!verified) co_return std::unexpected(verified.error());
  co_return match(*verified, cluster);
}

Task<Result<std::vector<Workloads::Entrance>>> Workloads::entrances(std::string token,
                                                                    net::Deadline deadline) {
  auto verified = co_await verify(std::move(token), deadline);
  if (!verified) co_return std::unexpected(verified.error());
  std::vector<Entrance> found;
  std::optional<Error> refusal;
  for (const config::Cluster& cluster : values_->clusters) {
    if (!any_for(cluster.name)) continue;
    auto admitted = match(*verified, cluster.name);
    if (admitted) {
      found.push_back({cluster.name, std::move(*admitted)});
    } else if (!refusal) {
      refusal = admitted.error();
    }
  }
  if (found.empty())
    co_return std::unexpected(refusal.value_or(Error(Errc::not_allowed, "no entry has a cluster")));
  co_return found;
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
  const std::string shown = printable(*subject, kShown);
  Refusal refusal;
  using Step = Refusal::Step;
  for (const config::Workload& workload : values_->workloads) {
    if (issuer == nullptr || workload.issuer != *issuer) continue;
    if (!contains(audience, workload.audience)) {
      refusal.note(Step::audience, wrong_audience(audience));
    } else if (!has_subject(workload, *subject)) {
      refusal.note(Step::subject,
                   "its subject (sub) is " + shown + ", which no entry with its audience takes");
    } else if (const std::string* claim = wrong_claim(workload, token.claims())) {
      refusal.note(Step::claim, "its claim " + printable(*claim, kShown) +
                                    " isn't what the entry for " + shown + " wants");
    } else if (!contains(workload.clusters, cluster)) {
      refusal.note(Step::cluster, "the entry for " + shown + " is for other clusters than " +
                                      std::string(cluster));
    } else {
      auto admitted = TRY(name(workload, *subject));
      admitted.expires_at_ = *expires;
      return admitted;
    }
  }
  return fail(Errc::not_allowed, refusal.why() + " (openunison.workloads)");
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
