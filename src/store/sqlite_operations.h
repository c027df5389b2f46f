// SPDX-License-Identifier: Apache-2.0
//
// The steps of SessionStore on a connection: the rules, above rows. Those that write run inside a
// transaction of the writer; whatever isn't `unavailable` has left either all or nothing of the
// step in it. Private to store/.
#pragma once

#include "store/session_store.h"
#include "store/sqlite_connection.h"
#include "store/touches.h"

namespace openunison::store::sqlite {

struct Context {
  Connection& connection;
  const Touches& touches;
};

Result<void> open(Context context, const SignIn& sign_in, const Session& first);
Result<void> add(Context context, const Session& session,
                 const std::optional<SessionStore::Redemption>& code, WallTime now);
Result<SessionId> redeemed_by(Context context, CodeId code, WallTime now);
Result<Live> find(Context context, SessionId id, WallTime now);
Result<Live> find_web(Context context, const std::string& token_hash, WallTime now);
Result<SignIn> find_sign_in(Context context, SignInId id, WallTime now);
Result<Rotated> rotate(Context context, const RotateRequest& request);
Result<std::uint64_t> update(Context context, SignIn sign_in, WallTime now);
Result<std::vector<Live>> end(Context context, const Selector& selector, WallTime now);
Result<std::vector<Live>> list(Context context, const Selector& selector, std::size_t limit,
                               WallTime now);

struct Swept {
  std::size_t deleted = 0;
  std::size_t examined = 0;  // 0: nothing is left that may be over
};
Result<Swept> sweep(Context context, WallTime now, std::size_t limit);

}  // namespace openunison::store::sqlite
