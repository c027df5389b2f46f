// SPDX-License-Identifier: Apache-2.0
//
// The rule of rotation, the same for every store (docs/adr/0004-tokens-and-refresh.md): pure,
// applied inside the store's atomic step; and what it would say, for those that only look.
#pragma once

#include "store/session_store.h"

namespace openunison::store {

struct RotationStep {
  Rotated::Outcome outcome;
  bool ends = false;     // the family ends with this step
  bool changes = false;  // `session` was changed and must be written
};

// Applies a presented generation to a living session of the right client. Errors: those of
// request.permit; `live` is then of no use.
Result<RotationStep> rotate_session(Live& live, const RotateRequest& request);

// Whether a presented generation would get a token: it is the newest, or still within the grace.
// request.permit isn't asked.
bool would_be_taken(const Session& session, const RotateRequest& request);

}  // namespace openunison::store
