// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::identity {

enum class Errc {
  unreachable = 1,       // the provider didn't answer, or not as a provider does
  denied,                // the provider said no (error=access_denied and the like)
  interaction_required,  // prompt=none and the provider needs the person
  bad_response,    // an answer that fails a check: state, nonce, issuer, signature, subject, ...
  clock,           // a token of the provider is in the future or the past beyond leeway
  wrong_password,  // user or password; never says which
  throttled,       // too many attempts
  not_allowed,     // known, but az_groups, domain or tenant keep the person out
  bad_name,        // the mapped user name can't be used (system:, empty, too long, control bytes)
  groups_overage,  // the provider left the groups out of the token and they can't be fetched
  gone,            // the provider says that the grant or the person no longer stands
  too_big,         // claims over our bounds
  bad_users_file,
  busy,  // too many passwords wait to be checked; nothing is known of this one
};
std::error_code make_error_code(Errc code);

}  // namespace openunison::identity

template <>
struct std::is_error_code_enum<openunison::identity::Errc> : std::true_type {};
