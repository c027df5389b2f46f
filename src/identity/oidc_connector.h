// SPDX-License-Identifier: Apache-2.0
//
// The OpenID Connect connector with its HTTP exchange given: what tests drive with scripted
// answers. oidc_connector() in connectors.h is the product's way in.
#pragma once

#include <memory>

#include "identity/connectors.h"
#include "identity/fetcher.h"

namespace openunison::identity {

// `options.client` isn't used.
std::unique_ptr<Connector> oidc_connector_with(OidcConnectorOptions options, Fetcher fetch);

}  // namespace openunison::identity
