// SPDX-License-Identifier: Apache-2.0
#include "store/rotation.h"

#include <algorithm>

namespace openunison::store {
namespace {

constexpr std::size_t kMaxSuperseded = 8;
constexpr Seconds kClockLeeway{300};

void note_use(Session& session, const RotateRequest& request) {
  session.last_used_at = std::max(session.last_used_at, request.now);
  session.address = request.address;
  session.user_agent = request.user_agent;
}

// Whether a generation that was superseded then may still be repeated. Threads read the clock a
// little apart, and it may be set back by some minutes; one that was set back by more mustn't bring
// old tokens back for as long.
bool within_grace(WallTime superseded, const RotateRequest& request) {
  const Millis age = request.now - superseded;
  return age < request.grace && age > -kClockLeeway;
}

// The time at which the presented generation, an older one, was superseded, if it is known still.
std::optional<WallTime> superseded_at(const Session& session, const RotateRequest& request) {
  const std::size_t behind = session.generation - request.generation;  // ≥ 1
  if (behind > session.superseded_at.size()) return std::nullopt;
  return session.superseded_at[session.superseded_at.size() - behind];
}

void supersede(Session& session, const RotateRequest& request) {
  std::vector<WallTime>& times = session.superseded_at;
  times.push_back(request.now);
  // What can't be repeated any more needn't be kept; a row stays small.
  const auto needed = std::find_if(times.begin(), times.end(),
                                   [&](WallTime time) { return within_grace(time, request); });
  times.erase(times.begin(), needed);
  if (times.size() > kMaxSuperseded) times.erase(times.begin());
  ++session.generation;
}

}  // namespace

bool would_be_taken(const Session& session, const RotateRequest& request) {
  if (request.generation >= session.generation) return request.generation == session.generation;
  const auto superseded = superseded_at(session, request);
  return superseded && within_grace(*superseded, request);
}

Result<RotationStep> rotate_session(Live& live, const RotateRequest& request) {
  Session& session = live.session;
  const auto permitted = [&]() -> Result<void> {
    return request.permit ? request.permit(live) : Result<void>{};
  };
  if (request.generation > session.generation) {
    // We made this token and don't remember it: an older database was put back. What came after is
    // unknown.
    return RotationStep{Rotated::Outcome::stale, true, false};
  }
  if (request.generation == session.generation) {
    TRY_VOID(permitted());
    supersede(session, request);
    note_use(session, request);
    return RotationStep{Rotated::Outcome::rotated, false, true};
  }
  const auto superseded = superseded_at(session, request);
  if (superseded && within_grace(*superseded, request)) {
    TRY_VOID(permitted());
    return RotationStep{Rotated::Outcome::repeated, false, false};
  }
  ++session.stale_refusals;
  return RotationStep{Rotated::Outcome::stale, false, true};
}

}  // namespace openunison::store
