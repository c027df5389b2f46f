// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_rows.h"

#include <algorithm>
#include <cstring>

// One list for everything that reads rows, in the order of read_row().
#define SELECT_ROWS                                                                               \
  "SELECT session.key, session.id, session.kind, session.origin, session.created_at, "            \
  "session.idle_limit, session.unused_until, session.client_id, session.cluster, session.scope, " \
  "session.label, session.address, session.user_agent, session.token_hash, "                      \
  "session_use.last_used_at, "                                                                    \
  "session_use.generation, session_use.stale_refusals, session_use.superseded_at, sign_in.key, "  \
  "sign_in.id, sign_in.version, sign_in.authenticated_at, sign_in.created_at, "                   \
  "sign_in.expires_at, "                                                                          \
  "sign_in.checked_at, sign_in.recheckable, sign_in.reread_in_flight, sign_in.provider, "         \
  "sign_in.subject, sign_in.user, sign_in.upstream_sid, sign_in.address, sign_in.user_agent, "    \
  "sign_in.principal, sign_in.upstream_grant "
// CROSS JOIN fixes the order of the loops.
#define FROM_SESSION                                                          \
  "FROM session CROSS JOIN session_use ON session_use.session = session.key " \
  "CROSS JOIN sign_in ON sign_in.key = session.sign_in "
#define FROM_SIGN_IN                                                  \
  "FROM sign_in CROSS JOIN session ON session.sign_in = sign_in.key " \
  "CROSS JOIN session_use ON session_use.session = session.key "
#define NEWEST_FIRST " ORDER BY sign_in.key DESC, session.key"

namespace openunison::store::sqlite {
namespace {

std::int64_t millis(WallTime time) {
  return time.time_since_epoch().count();
}

std::string pack_times(const std::vector<WallTime>& times) {
  std::string packed(times.size() * sizeof(std::int64_t), '\0');
  for (std::size_t i = 0; i < times.size(); ++i) {
    auto value = static_cast<std::uint64_t>(millis(times[i]));
    for (std::size_t byte = 0; byte < sizeof value; ++byte, value >>= 8) {
      packed[i * sizeof value + byte] = static_cast<char>(value & 0xff);
    }
  }
  return packed;
}

std::vector<WallTime> unpack_times(std::string_view packed) {
  std::vector<WallTime> times(packed.size() / sizeof(std::int64_t));
  for (std::size_t i = 0; i < times.size(); ++i) {
    std::uint64_t value = 0;
    for (std::size_t byte = sizeof value; byte-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(packed[i * sizeof value + byte]);
    }
    times[i] = WallTime(Millis(static_cast<std::int64_t>(value)));
  }
  return times;
}

// Takes the columns of one row from left to right.
class Columns {
 public:
  explicit Columns(const Query& query) : query_(query) {}
  std::int64_t integer() { return query_.integer_at(next_++); }
  WallTime time() { return WallTime(Millis(integer())); }
  std::string_view bytes() { return query_.bytes_at(next_++); }
  std::string string() { return std::string(bytes()); }
  template <class Id>
  Id id() {
    Id id;
    const std::string_view stored = bytes();
    std::memcpy(id.bytes.data(), stored.data(), std::min(stored.size(), id.bytes.size()));
    return id;
  }

 private:
  const Query& query_;
  int next_ = 0;
};

void read_session(Columns& columns, Session& session) {
  session.id = columns.id<SessionId>();
  session.kind = static_cast<SessionKind>(columns.integer());
  session.origin = static_cast<Origin>(columns.integer());
  session.created_at = columns.time();
  session.idle_limit = Seconds(columns.integer());
  session.unused_until = columns.time();
  session.client_id = columns.string();
  session.cluster = columns.string();
  session.scope = columns.string();
  session.label = columns.string();
  session.address = columns.string();
  session.user_agent = columns.string();
  session.token_hash = columns.string();
  session.last_used_at = columns.time();
  session.generation = static_cast<std::uint32_t>(columns.integer());
  session.stale_refusals = static_cast<std::uint32_t>(columns.integer());
  session.superseded_at = unpack_times(columns.bytes());
}

void read_sign_in(Columns& columns, SignIn& sign_in) {
  sign_in.id = columns.id<SignInId>();
  sign_in.version = static_cast<std::uint64_t>(columns.integer());
  sign_in.authenticated_at = columns.time();
  sign_in.created_at = columns.time();
  sign_in.expires_at = columns.time();
  sign_in.checked_at = columns.time();
  sign_in.recheckable = columns.integer() != 0;
  sign_in.reread_in_flight = columns.integer() != 0;
  sign_in.provider = columns.string();
  sign_in.subject = columns.string();
  sign_in.user = columns.string();
  sign_in.upstream_sid = columns.string();
  sign_in.address = columns.string();
  sign_in.user_agent = columns.string();
  sign_in.principal = columns.string();
  sign_in.grant = columns.string();
}

Row read_row(const Query& query) {
  Columns columns(query);
  Row row;
  row.session = columns.integer();
  read_session(columns, row.live.session);
  row.sign_in = columns.integer();
  read_sign_in(columns, row.live.sign_in);
  row.live.session.sign_in = row.live.sign_in.id;
  return row;
}

Result<std::optional<Row>> one_row(Query& query) {
  const bool found = TRY(query.step());
  return found ? std::optional(read_row(query)) : std::nullopt;
}

Result<void> visit_rows(Query& query, const Selector& selector,
                        const std::function<bool(Row)>& visit) {
  while (TRY(query.step())) {
    Row row = read_row(query);
    if (selector.except && *selector.except == row.live.session.id) continue;
    if (selector.without_upstream_sid && !row.live.sign_in.upstream_sid.empty()) continue;
    if (!visit(std::move(row))) break;
  }
  return {};
}

Result<void> visit_account(Connection& connection, const Selector& selector,
                           const std::function<bool(Row)>& visit) {
  const auto& [provider, subject] = *selector.account;
  if (provider.empty() && subject.empty()) return {};
  if (subject.empty()) {
    Query query(connection, SELECT_ROWS FROM_SIGN_IN "WHERE sign_in.provider = ?" NEWEST_FIRST);
    return visit_rows(query.text(provider), selector, visit);
  }
  if (provider.empty()) {
    Query query(connection, SELECT_ROWS FROM_SIGN_IN "WHERE sign_in.subject = ?" NEWEST_FIRST);
    return visit_rows(query.text(subject), selector, visit);
  }
  Query query(connection, SELECT_ROWS FROM_SIGN_IN
              "WHERE sign_in.provider = ? AND sign_in.subject = ?" NEWEST_FIRST);
  return visit_rows(query.text(provider).text(subject), selector, visit);
}

Result<void> visit_upstream_sid(Connection& connection, const Selector& selector,
                                const std::function<bool(Row)>& visit) {
  const auto& [provider, sid] = *selector.upstream_sid;
  if (sid.empty()) return {};
  if (provider.empty()) {
    Query query(connection, SELECT_ROWS FROM_SIGN_IN "WHERE sign_in.upstream_sid = ?" NEWEST_FIRST);
    return visit_rows(query.text(sid), selector, visit);
  }
  Query query(connection, SELECT_ROWS FROM_SIGN_IN
              "WHERE sign_in.upstream_sid = ? AND sign_in.provider = ?" NEWEST_FIRST);
  return visit_rows(query.text(sid).text(provider), selector, visit);
}

}  // namespace

Result<std::optional<Row>> find_session(Connection& connection, SessionId id) {
  Query query(connection, SELECT_ROWS FROM_SESSION "WHERE session.id = ?");
  return one_row(query.blob(id.view()));
}

Result<std::optional<Row>> find_token(Connection& connection, std::string_view token_hash) {
  if (token_hash.empty()) return std::nullopt;
  Query query(connection, SELECT_ROWS FROM_SESSION "WHERE session.token_hash = ?");
  return one_row(query.blob(token_hash));
}

Result<void> for_each(Connection& connection, const Selector& selector,
                      const std::function<bool(Row)>& visit) {
  if (selector.session) {
    Query query(connection, SELECT_ROWS FROM_SESSION "WHERE session.id = ?");
    return visit_rows(query.blob(selector.session->view()), selector, visit);
  }
  if (selector.sign_in) {
    Query query(connection, SELECT_ROWS FROM_SIGN_IN "WHERE sign_in.id = ?" NEWEST_FIRST);
    return visit_rows(query.blob(selector.sign_in->view()), selector, visit);
  }
  if (selector.account) return visit_account(connection, selector, visit);
  if (selector.upstream_sid) return visit_upstream_sid(connection, selector, visit);
  if (selector.user) {
    Query query(connection, SELECT_ROWS FROM_SIGN_IN "WHERE sign_in.user = ?" NEWEST_FIRST);
    return visit_rows(query.text(*selector.user), selector, visit);
  }
  if (!selector.all) return {};
  Query query(connection, SELECT_ROWS FROM_SIGN_IN NEWEST_FIRST);
  return visit_rows(query, selector, visit);
}

Result<std::int64_t> insert_sign_in(Connection& connection, const SignIn& sign_in) {
  Query query(
      connection,
      "INSERT INTO sign_in (id, version, authenticated_at, created_at, expires_at, checked_at, "
      "recheckable, reread_in_flight, provider, subject, user, upstream_sid, address, user_agent, "
      "principal, upstream_grant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  TRY_VOID(query.blob(sign_in.id.view())
               .integer(static_cast<std::int64_t>(sign_in.version))
               .integer(millis(sign_in.authenticated_at))
               .integer(millis(sign_in.created_at))
               .integer(millis(sign_in.expires_at))
               .integer(millis(sign_in.checked_at))
               .integer(sign_in.recheckable)
               .integer(sign_in.reread_in_flight)
               .text(sign_in.provider)
               .text(sign_in.subject)
               .text(sign_in.user)
               .text_or_null(sign_in.upstream_sid)
               .text(sign_in.address)
               .text(sign_in.user_agent)
               .text(sign_in.principal)
               .blob(sign_in.grant)
               .run());
  return connection.last_key();
}

Result<std::optional<std::int64_t>> sign_in_key(Connection& connection, SignInId id) {
  Query query(connection, "SELECT key FROM sign_in WHERE id = ?");
  const bool found = TRY(query.blob(id.view()).step());
  return found ? std::optional(query.integer_at(0)) : std::nullopt;
}

Result<void> update_sign_in(Connection& connection, std::int64_t key, const SignIn& sign_in) {
  Query query(connection,
              "UPDATE sign_in SET version = ?, checked_at = ?, recheckable = ?, reread_in_flight = "
              "?, user = ?, "
              "upstream_sid = ?, principal = ?, upstream_grant = ? WHERE key = ?");
  return query.integer(static_cast<std::int64_t>(sign_in.version))
      .integer(millis(sign_in.checked_at))
      .integer(sign_in.recheckable)
      .integer(sign_in.reread_in_flight)
      .text(sign_in.user)
      .text_or_null(sign_in.upstream_sid)
      .text(sign_in.principal)
      .blob(sign_in.grant)
      .integer(key)
      .run();
}

Result<void> insert_session(Connection& connection, const Session& session, std::int64_t sign_in,
                            WallTime check_at) {
  Query query(connection,
              "INSERT INTO session (id, sign_in, kind, origin, created_at, idle_limit, "
              "unused_until, check_at, "
              "client_id, cluster, scope, label, address, user_agent, token_hash) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  TRY_VOID(query.blob(session.id.view())
               .integer(sign_in)
               .integer(static_cast<std::int64_t>(session.kind))
               .integer(static_cast<std::int64_t>(session.origin))
               .integer(millis(session.created_at))
               .integer(session.idle_limit.count())
               .integer(millis(session.unused_until))
               .integer(millis(check_at))
               .text(session.client_id)
               .text(session.cluster)
               .text(session.scope)
               .text(session.label)
               .text(session.address)
               .text(session.user_agent)
               .blob_or_null(session.token_hash)
               .run());
  Query use(
      connection,
      "INSERT INTO session_use (session, last_used_at, generation, stale_refusals, superseded_at) "
      "VALUES (?, ?, ?, ?, ?)");
  return use.integer(connection.last_key())
      .integer(millis(session.last_used_at))
      .integer(session.generation)
      .integer(session.stale_refusals)
      .blob(pack_times(session.superseded_at))
      .run();
}

Result<void> update_use(Connection& connection, std::int64_t key, const Session& session) {
  Query query(connection,
              "UPDATE session_use SET last_used_at = ?, generation = ?, stale_refusals = ?, "
              "superseded_at = ? "
              "WHERE session = ?");
  return query.integer(millis(session.last_used_at))
      .integer(session.generation)
      .integer(session.stale_refusals)
      .blob(pack_times(session.superseded_at))
      .integer(key)
      .run();
}

Result<void> update_address(Connection& connection, std::int64_t key, const Session& session) {
  Query query(connection, "UPDATE session SET address = ?, user_agent = ? WHERE key = ?");
  return query.text(session.address).text(session.user_agent).integer(key).run();
}

Result<void> update_last_used(Connection& connection, SessionId id, WallTime last_used_at) {
  Query query(connection,
              "UPDATE session_use SET last_used_at = max(last_used_at, ?) "
              "WHERE session = (SELECT key FROM session WHERE id = ?)");
  return query.integer(millis(last_used_at)).blob(id.view()).run();
}

Result<void> update_check(Connection& connection, std::int64_t key, WallTime check_at) {
  Query query(connection, "UPDATE session SET check_at = ? WHERE key = ?");
  return query.integer(millis(check_at)).integer(key).run();
}

Result<void> delete_session(Connection& connection, std::int64_t key) {
  return Query(connection, "DELETE FROM session WHERE key = ?").integer(key).run();
}

Result<void> delete_sign_in_if_empty(Connection& connection, std::int64_t key) {
  Query query(connection,
              "DELETE FROM sign_in WHERE key = ? AND NOT EXISTS (SELECT 1 FROM session WHERE "
              "sign_in = sign_in.key)");
  return query.integer(key).run();
}

Result<std::vector<Row>> due_for_check(Connection& connection, WallTime now, std::size_t limit) {
  Query query(connection, SELECT_ROWS FROM_SESSION
              "WHERE session.check_at <= ? ORDER BY session.check_at LIMIT ?");
  query.integer(millis(now)).integer(static_cast<std::int64_t>(limit));
  std::vector<Row> rows;
  while (TRY(query.step())) rows.push_back(read_row(query));
  return rows;
}

// In one statement, so that both are of one moment; each walks through an index, not the rows.
Result<SessionCounts> count_sessions(Connection& connection) {
  Query query(connection,
              "SELECT (SELECT count(*) FROM session WHERE token_hash IS NOT NULL), "
              "(SELECT count(*) FROM session)");
  TRY(query.step());
  SessionCounts counts;
  counts.web = static_cast<std::size_t>(query.integer_at(0));
  counts.client = static_cast<std::size_t>(query.integer_at(1)) - counts.web;
  return counts;
}

Result<std::optional<Redeemed>> find_redemption(Connection& connection, CodeId code) {
  Query query(connection, "SELECT session, expires_at FROM redemption WHERE code = ?");
  const bool found = TRY(query.blob(code.view()).step());
  if (!found) return std::nullopt;
  Columns columns(query);
  Redeemed redeemed;
  redeemed.session = columns.id<SessionId>();
  redeemed.expires_at = columns.time();
  return redeemed;
}

Result<void> put_redemption(Connection& connection, CodeId code, const Redeemed& redeemed) {
  Query query(connection,
              "INSERT OR REPLACE INTO redemption (code, session, expires_at) VALUES (?, ?, ?)");
  return query.blob(code.view())
      .blob(redeemed.session.view())
      .integer(millis(redeemed.expires_at))
      .run();
}

Result<std::size_t> delete_expired_redemptions(Connection& connection, WallTime now,
                                               std::size_t limit) {
  Query query(connection,
              "DELETE FROM redemption WHERE code IN (SELECT code FROM redemption WHERE expires_at "
              "<= ? LIMIT ?) "
              "RETURNING 1");
  query.integer(millis(now)).integer(static_cast<std::int64_t>(limit));
  std::size_t count = 0;
  while (TRY(query.step())) ++count;
  return count;
}

Result<std::size_t> delete_all(Connection& connection) {
  const SessionCounts counts = TRY(count_sessions(connection));
  // The uses first: what refers to nothing any more goes without a look at each row.
  for (const char* sql : {"DELETE FROM session_use", "DELETE FROM session", "DELETE FROM sign_in"})
    TRY_VOID(connection.execute(sql));
  return counts.web + counts.client;
}

Result<std::optional<std::int64_t>> read_number(Connection& connection, std::string_view name) {
  Query query(connection, "SELECT value FROM number WHERE name = ?");
  const bool found = TRY(query.text(name).step());
  return found ? std::optional(query.integer_at(0)) : std::nullopt;
}

Result<void> write_number(Connection& connection, std::string_view name, std::int64_t value) {
  return Query(connection, "INSERT OR REPLACE INTO number VALUES (?, ?)")
      .text(name)
      .integer(value)
      .run();
}

Result<std::optional<Mark>> read_mark(Connection& connection) {
  const auto database = TRY(read_number(connection, "mark_database"));
  const auto number = TRY(read_number(connection, "mark_number"));
  if (!database || !number) return std::nullopt;
  return Mark{*database, *number};
}

Result<void> write_mark(Connection& connection, const Mark& mark) {
  TRY_VOID(write_number(connection, "mark_database", mark.database));
  return write_number(connection, "mark_number", mark.number);
}

}  // namespace openunison::store::sqlite
