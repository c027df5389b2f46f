// SPDX-License-Identifier: Apache-2.0
#include "cli/workload_keeper.h"

#include <algorithm>

#include "cli/keeper.h"
#include "cli/portal_answers.h"

namespace openunison::cli {

std::optional<Credential> kept_credential(const WorkloadState& kept, const SubjectToken& token,
                                          const BootTime& now) {
  auto found = kept.read();
  if (!found || !*found || (*found)->digest != token.digest || !is_fresh((*found)->credential, now))
    return std::nullopt;
  return std::move((*found)->credential);
}

Result<PortalClient*> WorkloadKeeper::client() {
  if (!client_) client_ = TRY(connect_());
  return client_.get();
}

Result<WorkloadAccount> WorkloadKeeper::account(const Host& host, const SubjectToken& token) {
  PortalClient* const portal = TRY(client());
  const Portal found = TRY(runtime_.block_on(portal->discover_for_workloads(host)));
  return runtime_.block_on(
      portal->workload(found.workload_endpoint, std::string(token.token.reveal())));
}

Result<Credential> WorkloadKeeper::exchange_at(const std::string& issuer,
                                               const std::string& client_id,
                                               const SubjectToken& token) {
  PortalClient* const portal = TRY(client());
  WorkloadToken given = TRY(runtime_.block_on(
      portal->exchange_workload(issuer, client_id, std::string(token.token.reveal()))));
  Credential credential;
  credential.issuer = issuer;
  credential.client_id = client_id;
  credential.id_token = std::move(given.id_token);
  credential.received = std::move(given.asked);
  credential.life = given.life;
  return credential;
}

Result<Credential> WorkloadKeeper::exchange(const WorkloadCall& call, const SubjectToken& token,
                                            const std::optional<KeptWorkload>& kept) {
  if (kept && is_at(kept->credential.issuer, call.host.origin())) {
    auto credential = exchange_at(kept->credential.issuer, kept->credential.client_id, token);
    // The portal may have changed since: look again.
    if (credential ||
        !(credential.error().is(Errc::access_denied) || credential.error().is(Errc::bad_answer)))
      return credential;
  }
  const WorkloadAccount known = TRY(account(call.host, token));
  const auto found = std::ranges::find(known.clusters, call.cluster, &ClusterAccess::name);
  if (found == known.clusters.end()) {
    std::string names;
    for (const ClusterAccess& each : known.clusters)
      names += (names.empty() ? "" : ", ") + each.name;
    return fail(Errc::no_cluster, "the portal " + call.host.text() + " lets " + known.subject +
                                      " into " + names + ", and not into " + call.cluster +
                                      " (openunison.workloads)");
  }
  return exchange_at(found->issuer, found->client_id, token);
}

Result<Credential> WorkloadKeeper::credential(const WorkloadCall& call) {
  not_kept_.clear();
  SubjectToken token = TRY(read_subject_token(call.token_file));
  if (state_ == nullptr) {
    not_kept_ = "there is no home directory";
    return exchange(call, token, std::nullopt);
  }
  const WorkloadState place(*state_, call.host, call.cluster, call.token_file);
  if (auto kept = kept_credential(place, token, clock_.now())) return std::move(*kept);
  // What can't be kept isn't a reason to fail; it costs the next call an exchange.
  std::optional<FileLock> lock;
  if (const auto made = state_->make_folder_of(call.host); !made) {
    not_kept_ = made.error().message();
  } else if (auto taken = wait_for_lock(state_->lock_file(call.host), call.host.text(), trace_);
             !taken) {
    not_kept_ = taken.error().message();
  } else {
    lock = std::move(*taken);
    token = TRY(read_subject_token(call.token_file));
    if (auto kept = kept_credential(place, token, clock_.now())) return std::move(*kept);
  }
  auto former = place.read();
  const std::optional<KeptWorkload> kept = former ? std::move(*former) : std::nullopt;
  auto credential = exchange(call, token, kept);
  if (!credential) {
    // What is left of the old one is better than nothing, for the same token.
    if (kept && kept->digest == token.digest && credential.error().is(Errc::unreachable)) {
      const auto left = kept->credential.left(clock_.now());
      if (left && *left > Millis(1'000)) return kept->credential;
    }
    return credential;
  }
  if (lock) {
    if (const auto saved = place.save(token.digest, *credential); !saved)
      not_kept_ = saved.error().message();
  }
  return credential;
}

}  // namespace openunison::cli
