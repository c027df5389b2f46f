// SPDX-License-Identifier: Apache-2.0
//
// The key `claims` of a built-in user: standard claims (OpenID Connect Core §5.1) that have no key
// of their own, and `acr`. A closed list; each in the form of the standard, so that nothing is
// dropped later without a word. Pure functions. Private to identity/.
#pragma once

#include <expected>
#include <string>

#include "text/json.h"
#include "text/yaml.h"

namespace openunison::identity {

struct ClaimProblem {
  text::Position position;
  std::string message;
};

// An object, "acr" in it; null where there are none.
std::expected<text::Json, ClaimProblem> parse_user_claims(const text::Yaml& yaml);

// The lines of the key `claims` in a user of users.yaml; "" where there are none.
std::string user_claims_text(const text::Json& claims);

}  // namespace openunison::identity
