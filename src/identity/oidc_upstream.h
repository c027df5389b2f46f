// SPDX-License-Identifier: Apache-2.0
//
// Upstream: the HTTP side of one OpenID provider. Discovery and keys at first use, kept fresh, one
// fetch at a time; the token and userinfo endpoints; how far the provider's clock is from ours;
// until when the provider asked not to be asked. Thread-safe; outlives its calls.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/metrics.h"
#include "base/secret.h"
#include "config/values.h"
#include "identity/cached.h"
#include "identity/call.h"
#include "identity/fetcher.h"
#include "identity/oidc_metadata.h"
#include "jose/jwt.h"
#include "text/form.h"

namespace openunison::identity {

class Upstream {
 public:
  Upstream(config::IdentityProvider settings, Secret client_secret, Fetcher fetch,
           const Clock* clock);

  // Error: unreachable.
  Task<Result<std::shared_ptr<const Metadata>>> metadata(net::Deadline deadline);
  // Without asking; null before the first answer.
  std::shared_ptr<const Metadata> known_metadata() const { return metadata_.known(); }
  // Asks again unless the last answer is younger than `max_age` and nothing has failed since;
  // unlike metadata() an old value is no answer if the provider doesn't give one now.
  Task<Result<void>> probe(Millis max_age, net::Deadline deadline);

  struct Verified {
    jose::VerifiedJwt jwt;
    crypto::Algorithm algorithm;
  };
  // A token of the provider for us; `expected`'s issuer and audience are filled in here. A key that
  // isn't known makes the keys be fetched again, at most every 30 s. Errors: bad_response, clock,
  // unreachable.
  Task<Result<Verified>> verify(std::string compact, jose::Expectations expected,
                                net::Deadline deadline);

  // POSTs the form with our client's authentication. Any status. Error: unreachable.
  Task<Result<http::Response>> token(text::Form form, Call call);
  // GETs userinfo. Any status. Errors: unreachable, too_big; bad_response if there is no endpoint.
  Task<Result<http::Response>> userinfo(Secret access_token, Call call);

  // How long the provider asked us to stay away from now on; nullopt: it didn't.
  std::optional<Millis> hold() const;
  // The provider's clock minus ours, by its last Date; nullopt: never seen.
  std::optional<Millis> clock_ahead() const;

 private:
  // What discovery and keys bring serves everybody: their fetches are part of nobody's trace.
  Task<Result<http::Response>> send(const char* endpoint, http::ClientRequest request, Call call);
  Task<Result<Metadata>> load_metadata(net::Deadline deadline);
  Task<Result<jose::JwkSet>> load_keys(net::Deadline deadline);
  // The keys after another fetch, if one is allowed now; else `known` again.
  Task<Result<std::shared_ptr<const jose::JwkSet>>> newer_keys(
      std::shared_ptr<const jose::JwkSet> known, net::Deadline deadline);
  void authenticate(http::ClientRequest& request, text::Form& form, bool secret_in_body) const;
  void note_answer(const http::Response& response, WallTime sent);
  Error explain(const Error& error, const jose::UnverifiedJwt& token, const jose::JwkSet& keys,
                jose::Expectations expected) const;

  const config::IdentityProvider settings_;
  const Secret client_secret_;
  const Fetcher fetch_;
  const Clock* clock_;
  Cached<Metadata> metadata_;
  Cached<jose::JwkSet> keys_;

  mutable std::mutex mutex_;
  std::optional<MonoTime> last_refetch_;
  MonoTime hold_until_{};
  std::optional<Millis> clock_ahead_;
  metrics::Gauge* clock_gauge_ = nullptr;  // made with the first Date
  bool failing_ = false;                   // the last exchange brought no answer
};

}  // namespace openunison::identity
