// SPDX-License-Identifier: Apache-2.0
//
// The two header fields of a provider that speak of time. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"

namespace openunison::identity {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7, the preferred form only).
std::optional<WallTime> parse_http_date(std::string_view text);

// How long the answer asks us to stay away: Retry-After (RFC 9110 §10.2.3, seconds or a date), else
// Okta's X-Rate-Limit-Reset (a time, by the provider's clock); nullopt if it doesn't say.
std::optional<Millis> retry_after(const http::Headers& headers, WallTime now);

}  // namespace openunison::identity
