// SPDX-License-Identifier: Apache-2.0
#include "store/rotation.h"

namespace openunison::store {
namespace {

constexpr std::size_t kMaxSuperseded = 8;

void note_use(Session& session, const RotateRequest& request) {
  session.last_used_at = std::max(session.last_used_at, request.now);
  session.address = request.address;
  session.user_agent = request.user_agent;
}

// Whether `generation`, an older one, was superseded less than `grace` ago.
bool within_grace(const Session& session, const RotateRequest& request) {
  const std::size_t behind = session.generation - request.generation;  // ≥ 1
  if (behind > session.superseded_at.size()) return false;
  const WallTime superseded = session.superseded_at[session.superseded_at.size() - behind];
  return request.now - superseded < request.grace;
}

}  // namespace

RotationStep rotate_session(Session& session, const RotateRequest& request) {
  if (request.generation > session.generation) {
    // We made this token and don't remember it: an older database was put back. What came after is unknown.
    return {Rotated::Outcome::stale, true, false};
  }
  if (request.generation == session.generation) {
    if (session.superseded_at.size() == kMaxSuperseded) session.superseded_at.erase(session.superseded_at.begin());
    session.superseded_at.push_back(request.now);
    ++session.generation;
    note_use(session, request);
    return {Rotated::Outcome::rotated, false, true};
  }
  if (within_grace(session, request)) return {Rotated::Outcome::repeated, false, false};
  ++session.stale_refusals;
  return {Rotated::Outcome::stale, request.revoke_on_reuse, true};
}

}  // namespace openunison::store
