// SPDX-License-Identifier: Apache-2.0
//
// Workloads: which programs may have tokens of ours for a token of another issuer
// (openunison.workloads). Admitted is what came of such a token: only Workloads::admit makes one.
// Thread-safe; outlives its calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/values.h"
#include "identity/issuer_keys.h"

namespace openunison::identity {

class Admitted {
 public:
  const std::string& workload() const { return workload_; }  // the entry of values
  const std::string& issuer() const { return issuer_; }
  const std::string& subject() const { return subject_; }  // the token's `sub`
  const std::string& user() const { return user_; }
  const std::vector<std::string>& groups() const { return groups_; }  // sorted, unique
  WallTime expires_at() const { return expires_at_; }                 // the token's `exp`

 private:
  friend class Workloads;
  Admitted() = default;
  std::string workload_, issuer_, subject_, user_;
  std::vector<std::string> groups_;
  WallTime expires_at_{};
};

class Workloads {
 public:
  Workloads(std::shared_ptr<const config::Values> values, Fetcher fetch, const Clock* clock);

  // Whether any entry is for this cluster.
  bool any_for(std::string_view cluster) const;
  // Errors: bad_response (the token can't be used), not_allowed (it is genuine, and no entry lets
  // it in), bad_name (it would have a name that nobody may have), unreachable.
  Task<Result<Admitted>> admit(std::string token, std::string cluster, net::Deadline deadline);
  // Every cluster that it is let into, in the order of values, and as whom; never empty. Errors: as
  // above.
  struct Entrance {
    std::string cluster;
    Admitted admitted;
  };
  Task<Result<std::vector<Entrance>>> entrances(std::string token, net::Deadline deadline);

  // Asks each issuer for its keys, one after another, for at most so long. Of those whose keys
  // can't be had: the first entry, and why.
  using Unreachable = std::pair<std::string, Error>;
  Task<std::vector<Unreachable>> probe(Millis each);

 private:
  Task<Result<jose::VerifiedJwt>> verify(std::string token, net::Deadline deadline);
  Result<Admitted> match(const jose::VerifiedJwt& token, std::string_view cluster) const;
  Result<Admitted> name(const config::Workload& workload, const std::string& subject) const;

  const std::shared_ptr<const config::Values> values_;
  const Clock* clock_;
  std::vector<std::unique_ptr<IssuerKeys>> issuers_;
};

}  // namespace openunison::identity
