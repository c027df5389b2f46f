// SPDX-License-Identifier: Apache-2.0
//
// Fetcher: one HTTP exchange with an identity provider: http::Client in the product, a script in
// tests. Must hold to the request's timeout and max_response_bytes.
#pragma once

#include <functional>

#include "http/client.h"

namespace openunison::identity {

using Fetcher = std::function<Task<Result<http::Response>>(http::ClientRequest)>;

}  // namespace openunison::identity
