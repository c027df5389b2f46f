// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_operations.h"

#include <algorithm>

#include "store/rotation.h"
#include "store/sqlite_rows.h"

namespace openunison::store::sqlite {
namespace {

// Undoes what a step wrote before it was refused, and nothing else of the transaction.
class Savepoint {
 public:
  static Result<void> run(Connection& connection, const std::function<Result<void>()>& step) {
    TRY_VOID(connection.execute("SAVEPOINT step"));
    Result<void> done = step();
    if (!done && done.error().is(Errc::conflict)) TRY_VOID(connection.execute("ROLLBACK TO step"));
    if (!done && !done.error().is(Errc::conflict))
      return done;  // the whole transaction is rolled back
    TRY_VOID(connection.execute("RELEASE step"));
    return done;
  }
};

std::unexpected<Error> over() {
  return fail(Errc::not_found, "this session is over");
}
std::unexpected<Error> sign_in_over() {
  return fail(Errc::not_found, "this sign-in is over");
}

bool lives(const Context& context, Live& live, WallTime now) {
  context.touches.apply(live.session);
  return alive(live.session, live.sign_in, now);
}

Result<Live> living(const Context& context, std::optional<Row> row, WallTime now) {
  if (!row || !lives(context, row->live, now)) return over();
  return std::move(row->live);
}

Result<void> erase(const Context& context, const Row& row) {
  TRY_VOID(delete_session(context.connection, row.session));
  return delete_sign_in_if_empty(context.connection, row.sign_in);
}

}  // namespace

Result<void> open(Context context, const SignIn& sign_in, const Session& first) {
  return Savepoint::run(context.connection, [&]() -> Result<void> {
    const std::int64_t key = TRY(insert_sign_in(context.connection, sign_in));
    return insert_session(context.connection, first, key, ends_at(first, sign_in));
  });
}

Result<void> add(Context context, const Session& session,
                 const std::optional<SessionStore::Redemption>& code, WallTime now) {
  if (code) {
    const auto redeemed = TRY(find_redemption(context.connection, code->code));
    if (redeemed && now < redeemed->expires_at)
      return fail(Errc::already_used, "this code was redeemed before");
  }
  const SignIn sign_in = TRY(find_sign_in(context, session.sign_in, now));
  const auto key = TRY(sign_in_key(context.connection, session.sign_in));
  if (!key) return sign_in_over();
  return Savepoint::run(context.connection, [&]() -> Result<void> {
    if (code)
      TRY_VOID(put_redemption(context.connection, code->code, {session.id, code->expires_at}));
    return insert_session(context.connection, session, *key, ends_at(session, sign_in));
  });
}

Result<SessionId> redeemed_by(Context context, CodeId code, WallTime now) {
  const auto redeemed = TRY(find_redemption(context.connection, code));
  if (!redeemed || now >= redeemed->expires_at)
    return fail(Errc::not_found, "this code wasn't redeemed");
  return redeemed->session;
}

Result<Live> find(Context context, SessionId id, WallTime now) {
  return living(context, TRY(find_session(context.connection, id)), now);
}

Result<Live> find_web(Context context, const std::string& token_hash, WallTime now) {
  return living(context, TRY(find_token(context.connection, token_hash)), now);
}

Result<SignIn> find_sign_in(Context context, SignInId id, WallTime now) {
  Selector selector;
  selector.sign_in = id;
  std::optional<SignIn> found;
  TRY_VOID(for_each(context.connection, selector, [&](Row row) {
    if (lives(context, row.live, now)) found = std::move(row.live.sign_in);
    return !found;
  }));
  if (!found) return sign_in_over();
  return std::move(*found);
}

Result<Rotated> rotate(Context context, const RotateRequest& request) {
  auto row = TRY(find_session(context.connection, request.family));
  if (!row || !lives(context, row->live, request.now)) return over();
  Session& session = row->live.session;
  if (session.kind != SessionKind::client || session.client_id != request.client_id) return over();

  const std::string address = session.address;
  const std::string user_agent = session.user_agent;
  const RotationStep step = TRY(rotate_session(row->live, request));
  if (step.ends) {
    TRY_VOID(erase(context, *row));
  } else if (step.changes) {
    TRY_VOID(update_use(context.connection, row->session, session));
    const bool moved = address != session.address || user_agent != session.user_agent;
    if (moved) TRY_VOID(update_address(context.connection, row->session, session));
  }
  return Rotated{step.outcome, std::move(row->live), step.ends};
}

Result<std::uint64_t> update(Context context, SignIn sign_in, WallTime now) {
  const SignIn stored = TRY(find_sign_in(context, sign_in.id, now));
  if (stored.version != sign_in.version)
    return fail(Errc::conflict, "this sign-in was changed in between");
  const auto key = TRY(sign_in_key(context.connection, sign_in.id));
  if (!key) return sign_in_over();
  ++sign_in.version;
  TRY_VOID(update_sign_in(context.connection, *key, sign_in));
  return sign_in.version;
}

Result<std::vector<Live>> end(Context context, const Selector& selector, WallTime now) {
  std::vector<Live> ended;
  std::vector<std::int64_t> sessions;
  std::vector<std::int64_t> sign_ins;
  TRY_VOID(for_each(context.connection, selector, [&](Row row) {
    sessions.push_back(row.session);
    if (sign_ins.empty() || sign_ins.back() != row.sign_in) sign_ins.push_back(row.sign_in);
    if (lives(context, row.live, now)) ended.push_back(std::move(row.live));
    return true;
  }));
  for (const std::int64_t key : sessions) TRY_VOID(delete_session(context.connection, key));
  for (const std::int64_t key : sign_ins)
    TRY_VOID(delete_sign_in_if_empty(context.connection, key));
  return ended;
}

Result<std::vector<Live>> list(Context context, const Selector& selector, std::size_t limit,
                               WallTime now) {
  std::vector<Live> found;
  if (limit == 0) return found;
  TRY_VOID(for_each(context.connection, selector, [&](Row row) {
    if (lives(context, row.live, now)) found.push_back(std::move(row.live));
    return found.size() < limit;
  }));
  return found;
}

Result<Swept> sweep(Context context, WallTime now, std::size_t limit) {
  std::vector<Row> due = TRY(due_for_check(context.connection, now, limit));
  Swept swept;
  swept.examined = due.size();
  for (Row& row : due) {
    if (lives(context, row.live, now)) {
      TRY_VOID(update_check(context.connection, row.session,
                            ends_at(row.live.session, row.live.sign_in)));
      continue;
    }
    TRY_VOID(erase(context, row));
    ++swept.deleted;
  }
  if (swept.deleted < limit) {
    const std::size_t codes =
        TRY(delete_expired_redemptions(context.connection, now, limit - swept.deleted));
    swept.deleted += codes;
    swept.examined += codes;
  }
  return swept;
}

}  // namespace openunison::store::sqlite
