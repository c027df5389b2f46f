// SPDX-License-Identifier: Apache-2.0
//
// IssuerKeys: the published keys of an issuer of tokens that isn't an identity provider of people:
// a cluster's service accounts, a CI service. Its discovery document needs to have nothing but
// issuer and jwks_uri (Kubernetes' has no more), or isn't asked where the address of the keys is
// known. Fetched at first use, kept for an hour; one fetch at a time; a key that nobody knows has
// them fetched again, at most every 30 s. Thread-safe; outlives its calls.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "identity/cached.h"
#include "identity/fetcher.h"
#include "jose/jwt.h"

namespace openunison::identity {

class IssuerKeys {
 public:
  // `jwks_uri`: empty where discovery tells it. `label`: of the metric.
  IssuerKeys(std::string issuer, std::string jwks_uri, const std::string& label, Fetcher fetch,
             const Clock* clock);

  const std::string& issuer() const { return issuer_; }
  const std::string& label() const { return label_; }

  // Whether its keys can be had. Error: unreachable.
  Task<Result<void>> probe(net::Deadline deadline);

  // A token of this issuer, genuine and in its time, for whomever it was made. Errors:
  // bad_response, unreachable.
  Task<Result<jose::VerifiedJwt>> verify(jose::UnverifiedJwt token, net::Deadline deadline);

 private:
  using Keys = std::shared_ptr<const jose::JwkSet>;
  Task<Result<jose::JwkSet>> load(net::Deadline deadline);
  Task<Result<jose::JwkSet>> fetch_keys(net::Deadline deadline);
  Task<Result<std::string>> get(std::string url, net::Deadline deadline);
  Task<Result<Keys>> newer(Keys known, net::Deadline deadline);

  const std::string issuer_, jwks_uri_, label_;
  const Fetcher fetch_;
  const Clock* clock_;
  Cached<jose::JwkSet> keys_;
  metrics::Counter& fetched_;
  metrics::Counter& failed_;
  std::mutex mutex_;
  std::optional<MonoTime> last_refetch_;
};

}  // namespace openunison::identity
