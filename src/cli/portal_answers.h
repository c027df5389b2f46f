// SPDX-License-Identifier: Apache-2.0
//
// Private to cli/: reading what a portal answered, for the files of PortalClient. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/portal_client.h"
#include "text/json.h"

namespace openunison::cli {

// What a portal says of a token's life is held to what makes sense, for it is counted with.
inline constexpr std::int64_t kLongestTokenLife = 24 * 3600;

Error bad_answer(std::string what);

// What an error answer says: error_description or else error, not longer than a line.
std::string description_of(const http::Response& response);
// An error answer of an OAuth endpoint (RFC 6749 §5.2, 8628 §3.5) or of the account.
Error refused(const http::Response& response);

// The object of a body.
Result<text::Json> parsed(const http::Response& response);

// The payload, without a look at the signature: the token came from its issuer over TLS (OpenID
// Connect Core §3.1.3.7, item 6), and the API server is who verifies it.
Result<text::Json> payload_of(std::string_view token);

// Whether `address` is at the portal that was asked: nothing that it says sends a token elsewhere.
bool is_at(std::string_view address, std::string_view origin);

// `origin`: of the portal, at which every cluster's issuer is: it gets a token of ours.
Result<ClusterAccess> cluster_of(const text::Json& json, std::string_view origin);

}  // namespace openunison::cli
