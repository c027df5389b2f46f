// SPDX-License-Identifier: Apache-2.0
//
// The parameter `claims` of an authorization request (OpenID Connect Core §5.5). Claims about the
// person become part of what is granted; a value of `sub`, and of an essential `acr`, become
// conditions of the answer (§5.5.1, §5.5.1.1). Everything else in it is voluntary, and what we
// don't know is ignored. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace openunison::oidc {

struct RequestedClaims {
  std::string granted;           // "id_token/email userinfo/picture" (session/claims.h)
  std::string subject;           // the only person the answer may be about; empty: anybody
  std::vector<std::string> acr;  // one of them is needed; empty: none is
};

// Error: Errc::malformed_request, with what is wrong.
Result<RequestedClaims> parse_claims_parameter(std::string_view json);

}  // namespace openunison::oidc
