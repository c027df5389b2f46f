// SPDX-License-Identifier: Apache-2.0
//
// The connectors to the identity providers that values name, each with an HTTP client of its own.
#pragma once

#include <memory>
#include <vector>

#include "cmd/openunison/secrets.h"
#include "http/client.h"
#include "identity/connector.h"
#include "net/runtime.h"

namespace openunison::cmd {

struct Upstreams {
  std::vector<std::unique_ptr<http::Client>> clients;  // what the connectors ask through
  std::vector<std::unique_ptr<identity::Connector>> connectors;
};

// What connectors use; all of it outlives them.
struct UpstreamDependencies {
  net::Runtime* runtime;
  net::WorkPool *passwords, *lookups;
  crypto::Random* random;
  const Clock* clock;
};

// Nothing is asked of a provider here. Errors: a secret file can't be read, a trusted certificate
// can't be used.
Result<Upstreams> make_upstreams(const config::Values& values, const SecretsDirectory& secrets,
                                 const UpstreamDependencies& dependencies);

// For all that is asked or told by HTTP but for identity providers: with trusted_certs and the
// proxy of values. Error: a trusted certificate can't be used.
Result<std::unique_ptr<http::Client>> make_client(const config::Values& values,
                                                  net::Runtime& runtime);

// How far a provider's clock may be from ours before tokens are refused now and then.
inline constexpr Millis kMaxClockDifference{5'000};

}  // namespace openunison::cmd
