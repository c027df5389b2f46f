// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_schema.h"

#include <array>

#include "store/error.h"

namespace openunison::store::sqlite {
namespace {

// "OUss": what `file` and our own check read in bytes 68 to 71 of the file.
constexpr std::int64_t kApplicationId = 0x4f557373;

// Times are milliseconds since 1970. `key` grows with each insertion, so that it orders rows by
// age. What a refresh changes stands apart in session_use: some forty bytes a row, so that a commit
// of many rotations writes few pages. `session.check_at` is at most the time when the session ends
// by itself: sweeping looks there, and moves it on where the session was used since; a refresh
// leaves it and its index alone.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE sign_in (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  authenticated_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  checked_at INTEGER NOT NULL,
  recheckable INTEGER NOT NULL,
  reread_in_flight INTEGER NOT NULL,
  provider TEXT NOT NULL,
  subject TEXT NOT NULL,
  user TEXT NOT NULL,
  upstream_sid TEXT,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  principal TEXT NOT NULL,
  upstream_grant BLOB NOT NULL
) STRICT;
CREATE INDEX sign_in_by_account ON sign_in (provider, subject);
CREATE INDEX sign_in_by_user ON sign_in (user);
CREATE INDEX sign_in_by_upstream_sid ON sign_in (upstream_sid, provider) WHERE upstream_sid IS NOT NULL;

CREATE TABLE session (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  sign_in INTEGER NOT NULL REFERENCES sign_in (key),
  kind INTEGER NOT NULL,
  origin INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  idle_limit INTEGER NOT NULL,
  unused_until INTEGER NOT NULL,
  check_at INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  cluster TEXT NOT NULL,
  scope TEXT NOT NULL,
  label TEXT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  token_hash BLOB
) STRICT;
CREATE INDEX session_by_sign_in ON session (sign_in);
CREATE INDEX session_by_check ON session (check_at);
CREATE UNIQUE INDEX session_by_token ON session (token_hash) WHERE token_hash IS NOT NULL;

CREATE TABLE session_use (
  session INTEGER PRIMARY KEY REFERENCES session (key) ON DELETE CASCADE,
  last_used_at INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  stale_refusals INTEGER NOT NULL,
  superseded_at BLOB NOT NULL
) STRICT;

CREATE TABLE redemption (
  code BLOB PRIMARY KEY,
  session BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX redemption_by_expiry ON redemption (expires_at);

CREATE TABLE number (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO number VALUES ('probe', 0);
)sql";

constexpr std::array<const char*, 1> kMigrations{kVersion1};

Result<std::int64_t> number_of(Connection& connection, const char* sql) {
  Query query(connection, sql);
  TRY(query.step());
  return query.integer_at(0);
}

Result<void> step_up(Connection& connection, const char* step, std::size_t version) {
  TRY_VOID(connection.begin());
  auto made = connection.execute(step);
  const std::string stamp = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(version);
  if (made) made = connection.execute(stamp.c_str());
  if (made) made = connection.commit();
  if (!made) connection.roll_back();
  return made;
}

}  // namespace

std::span<const char* const> migrations() {
  return kMigrations;
}

Result<void> migrate(Connection& connection, std::span<const char* const> steps) {
  const std::int64_t application = TRY(number_of(connection, "PRAGMA application_id"));
  const std::int64_t version = TRY(number_of(connection, "PRAGMA user_version"));
  const std::int64_t objects = TRY(number_of(connection, "SELECT count(*) FROM sqlite_schema"));
  const bool fresh = application == 0 && version == 0 && objects == 0;
  if (!fresh && application != kApplicationId) {
    return fail(
        Errc::bad_database,
        connection.file() + ": this database belongs to another program; name another file");
  }
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (version < 0 || version > newest) {
    return fail(
        Errc::bad_database,
        connection.file() + ": version " + std::to_string(version) +
            " of the session database was made by a newer program, this one knows up to " +
            std::to_string(newest) +
            "; run that program, or move the file away, with which everybody signs in anew");
  }
  if (fresh) TRY_VOID(connection.execute("PRAGMA journal_mode = WAL"));
  for (auto next = static_cast<std::size_t>(version); next < steps.size(); ++next) {
    TRY_VOID(step_up(connection, steps[next], next + 1));
  }
  return {};
}

}  // namespace openunison::store::sqlite
