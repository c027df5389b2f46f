// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_connection.h"

#include <sqlite3.h>

#include <cstring>

#include "base/metrics.h"
#include "store/error.h"

namespace openunison::store::sqlite {
namespace {

// We hold the lock file, so only a backup or a person with the sqlite3 program can be in the way.
constexpr int kBusyMillis = 2'000;

constexpr const char* kSettings =
    "PRAGMA foreign_keys = ON;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA cache_size = -4096";

// A label of openunison_store_errors_total: few values, stable.
const char* reason_of(int status) {
  switch (status & 0xff) {
    case SQLITE_FULL:
      return "full";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "locked";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "corrupt";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "read_only";
    case SQLITE_NOMEM:
      return "memory";
    default:
      return "io";
  }
}

// What a person reads about it.
std::string advice_for(int status) {
  switch (status & 0xff) {
    case SQLITE_FULL:
      return "the disk is full; make room, no restart is needed";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds the database locked";
    case SQLITE_CORRUPT:
      return "the database is damaged; stop the server, then restore it or move it away, with "
             "which everybody signs in anew";
    case SQLITE_NOTADB:
      return "this file isn't an SQLite database; name another one, or move it away";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "the database can't be written; check the file's owner, its mode and how its file "
             "system is mounted";
    case SQLITE_CANTOPEN:
      return "the database can't be opened; check the directory and its owner";
    default:
      return "";
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::string& file) {
  sqlite3* handle = nullptr;
  const int status =
      sqlite3_open_v2(file.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<Connection> connection(new Connection(file, handle));
  if (status != SQLITE_OK) return connection->failure();
  sqlite3_busy_timeout(handle, kBusyMillis);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  TRY_VOID(connection->execute(kSettings));
  // The setting above doesn't read the file; this does.
  TRY_VOID(Query(*connection, "PRAGMA schema_version").step());
  sqlite3_wal_hook(handle, &Connection::on_commit, connection.get());
  connection->opening_ = false;
  return connection;
}

Connection::Connection(std::string file, sqlite3* handle)
    : file_(std::move(file)), handle_(handle) {}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

int Connection::on_commit(void* connection, sqlite3*, const char*, int pages) {
  static_cast<Connection*>(connection)->log_pages_ = pages;
  return SQLITE_OK;
}

Result<void> Connection::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

void Connection::roll_back() {
  if (sqlite3_get_autocommit(handle_) == 0)
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Connection::checkpoint() {
  const int status =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (status != SQLITE_OK && (status & 0xff) != SQLITE_BUSY) return failure();
  return {};
}

std::int64_t Connection::last_key() const {
  return sqlite3_last_insert_rowid(handle_);
}

Result<sqlite3_stmt*> Connection::prepare(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return failure();
  }
  statements_.emplace(sql, statement);
  return statement;
}

std::unexpected<Error> Connection::failure() const {
  const int status = sqlite3_extended_errcode(handle_);
  if ((status & 0xff) == SQLITE_CONSTRAINT)
    return fail(Errc::conflict, file_ + ": " + sqlite3_errmsg(handle_));

  metrics::counter("openunison_store_errors_total",
                   "Steps of the session store that failed, by reason",
                   {{"reason", reason_of(status)}})
      .add();
  std::string message =
      file_ + ": " + sqlite3_errmsg(handle_) + " (SQLite " + std::to_string(status);
  const int cause = sqlite3_system_errno(handle_);
  if ((status & 0xff) == SQLITE_IOERR && cause != 0)
    message += ", " + std::string(std::strerror(cause));
  message += ")";
  const std::string advice = advice_for(status);
  if (!advice.empty()) message += "; " + advice;
  const bool damaged = (status & 0xff) == SQLITE_CORRUPT || (status & 0xff) == SQLITE_NOTADB;
  return fail(opening_ && damaged ? Errc::bad_database : Errc::unavailable, std::move(message));
}

Query::Query(Connection& connection, const char* sql)
    : connection_(connection), statement_(connection.prepare(sql)) {}

Query::~Query() {
  if (!statement_) return;
  sqlite3_reset(*statement_);
  sqlite3_clear_bindings(*statement_);
}

// Out of memory or far too long: step() says so.
void Query::check(int status) {
  if (status != SQLITE_OK && !error_) error_ = connection_.failure().error();
}

Query& Query::integer(std::int64_t value) {
  if (statement_) check(sqlite3_bind_int64(*statement_, ++parameter_, value));
  return *this;
}

// The bytes are copied: a caller may bind what dies before step().
Query& Query::text(std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  if (statement_)
    check(sqlite3_bind_text64(*statement_, ++parameter_, data, value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
  return *this;
}

Query& Query::blob(std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  if (statement_)
    check(sqlite3_bind_blob64(*statement_, ++parameter_, data, value.size(), SQLITE_TRANSIENT));
  return *this;
}

Query& Query::text_or_null(std::string_view value) {
  if (!value.empty()) return text(value);
  ++parameter_;
  return *this;
}

Query& Query::blob_or_null(std::string_view value) {
  if (!value.empty()) return blob(value);
  ++parameter_;
  return *this;
}

Result<bool> Query::step() {
  if (!statement_) return std::unexpected(statement_.error());
  if (error_) return std::unexpected(*error_);
  switch (sqlite3_step(*statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return connection_.failure();
  }
}

Result<void> Query::run() {
  TRY(step());
  return {};
}

std::int64_t Query::integer_at(int column) const {
  return sqlite3_column_int64(*statement_, column);
}

std::string_view Query::bytes_at(int column) const {
  const void* data = sqlite3_column_blob(*statement_, column);  // for text too: the same bytes
  const int size = sqlite3_column_bytes(*statement_, column);
  return data == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

}  // namespace openunison::store::sqlite
