// SPDX-License-Identifier: Apache-2.0
//
// The connectors that there are.
#pragma once

#include <memory>

#include "base/clock.h"
#include "crypto/random.h"
#include "http/client.h"
#include "identity/attempts.h"
#include "identity/connector.h"
#include "net/runtime.h"

namespace openunison::identity {

struct OidcConnectorOptions {
  config::IdentityProvider settings;
  Secret client_secret;  // empty: public client
  http::Client* client;  // outlives the connector; goes through the provider's proxy
  crypto::Random* random;
  const Clock* clock;
  // Sign-ins that wait for the provider at once, and counted apart, re-reads.
  std::size_t most_waiting = 256;
};
// Discovery and keys are fetched at first use and kept fresh; nothing is fetched here.
std::unique_ptr<Connector> oidc_connector(OidcConnectorOptions options);

struct LocalConnectorOptions {
  config::IdentityProvider settings;
  std::string users_file;    // users.yaml; re-read when it changes
  net::WorkPool* passwords;  // argon2id runs here
  net::WorkPool* lookups;  // and what mustn't wait behind it: re-reads of people who are signed in
  crypto::Random* random;
  const Clock* clock;
  AttemptLimits attempts;
};
std::unique_ptr<Connector> local_connector(LocalConnectorOptions options);

}  // namespace openunison::identity
