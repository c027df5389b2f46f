// SPDX-License-Identifier: Apache-2.0
//
// Records to rows and back: what one statement does, no rules. Used inside a transaction of the
// writer or by a reader. Private to store/.
#pragma once

#include <functional>
#include <optional>

#include "store/durable_store.h"
#include "store/sqlite_connection.h"

namespace openunison::store::sqlite {

struct Row {
  Live live;
  std::int64_t session = 0;  // keys
  std::int64_t sign_in = 0;
};

// Living or not. nullopt: no such row.
Result<std::optional<Row>> find_session(Connection& connection, SessionId id);
Result<std::optional<Row>> find_token(Connection& connection, std::string_view token_hash);
// Sessions that `selector` names, newest sign-in first, in it the oldest session, until `visit`
// gives false. `visit` must not change rows.
Result<void> for_each(Connection& connection, const Selector& selector,
                      const std::function<bool(Row)>& visit);

// Gives the key.
Result<std::int64_t> insert_sign_in(Connection& connection, const SignIn& sign_in);
Result<std::optional<std::int64_t>> sign_in_key(Connection& connection, SignInId id);
// The fields that SessionStore::update() replaces, and the version.
Result<void> update_sign_in(Connection& connection, std::int64_t key, const SignIn& sign_in);

Result<void> insert_session(Connection& connection, const Session& session, std::int64_t sign_in,
                            WallTime check_at);
// generation, superseded_at, last_used_at, stale_refusals.
Result<void> update_use(Connection& connection, std::int64_t key, const Session& session);
Result<void> update_address(Connection& connection, std::int64_t key, const Session& session);
// Moves last_used_at forward, never back.
Result<void> update_last_used(Connection& connection, SessionId id, WallTime last_used_at);
Result<void> update_check(Connection& connection, std::int64_t key, WallTime check_at);
Result<void> delete_session(Connection& connection, std::int64_t key);
Result<void> delete_sign_in_if_empty(Connection& connection, std::int64_t key);
// At most `limit` sessions that may be over at `now`, those first that may have ended first.
Result<std::vector<Row>> due_for_check(Connection& connection, WallTime now, std::size_t limit);
Result<SessionCounts> count_sessions(Connection& connection);

struct Redeemed {
  SessionId session;
  WallTime expires_at;
};
Result<std::optional<Redeemed>> find_redemption(Connection& connection, CodeId code);
Result<void> put_redemption(Connection& connection, CodeId code, const Redeemed& redeemed);
// Deletes at most `limit` that have expired; gives how many.
Result<std::size_t> delete_expired_redemptions(Connection& connection, WallTime now,
                                               std::size_t limit);

// All of them, at once; gives how many sessions there were.
Result<std::size_t> delete_all(Connection& connection);

// Single numbers, as "probe", by which the readiness probe sees that a write arrives. nullopt:
// never written.
Result<std::optional<std::int64_t>> read_number(Connection& connection, std::string_view name);
Result<void> write_number(Connection& connection, std::string_view name, std::int64_t value);

Result<std::optional<Mark>> read_mark(Connection& connection);
Result<void> write_mark(Connection& connection, const Mark& mark);

}  // namespace openunison::store::sqlite
