// SPDX-License-Identifier: Apache-2.0
#include "store/records.h"

#include <algorithm>

namespace openunison::store {

WallTime ends_at(const Session& session, const SignIn& sign_in) {
  WallTime end = std::min<WallTime>(session.last_used_at + session.idle_limit, sign_in.expires_at);
  const bool never_used = session.unused_until != WallTime{} && session.generation == 1;
  if (never_used) end = std::min(end, session.unused_until);
  return end;
}

bool alive(const Session& session, const SignIn& sign_in, WallTime now) {
  return now < ends_at(session, sign_in);
}

}  // namespace openunison::store
