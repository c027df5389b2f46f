// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_connection.h"

#include <sqlite3.h>

#include <array>
#include <cerrno>
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

Trouble trouble_of(int status, int cause) {
  switch (status & 0xff) {
    case SQLITE_FULL:
      return Trouble::full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::locked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::corrupt;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Trouble::read_only;
    case SQLITE_NOMEM:
      return Trouble::memory;
    case SQLITE_IOERR:
      // SQLite tells only ENOSPC apart.
      if (cause == EDQUOT || cause == EFBIG) return Trouble::full;
      if (cause == EROFS) return Trouble::read_only;
      return Trouble::io;
    default:
      return Trouble::io;
  }
}

// What a person reads about it.
std::string advice_for(int status, Trouble trouble) {
  switch (trouble) {
    case Trouble::full:
      return "the disk is full, or a quota or limit is reached; make room, no restart is needed";
    case Trouble::locked:
      return "another program holds the database locked";
    case Trouble::corrupt:
      if ((status & 0xff) == SQLITE_NOTADB)
        return "this file isn't an SQLite database; restore it from a backup or move it away, with "
               "which everybody signs in anew";
      return "the database is damaged; stop the server, then restore it or move it away, with "
             "which everybody signs in anew";
    case Trouble::read_only:
      return "the database can't be written; check the file's owner, its mode and how its file "
             "system is mounted; no restart is needed";
    case Trouble::io:
      if ((status & 0xff) == SQLITE_CANTOPEN)
        return "the database can't be opened; check the directory and its owner";
      if ((status & 0xff) == SQLITE_IOERR)
        return "the disk fails; look into the kernel's log; once it works again no restart is "
               "needed";
      return "";
    default:
      return "";
  }
}

// Of the write-ahead log (sqlite.org/fileformat2.html#walformat).
constexpr std::int64_t kLogHeader = 32;
constexpr std::int64_t kFrameHeader = 24;

}  // namespace

const char* name(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::full:
      return "full";
    case Trouble::locked:
      return "locked";
    case Trouble::corrupt:
      return "corrupt";
    case Trouble::read_only:
      return "read_only";
    case Trouble::memory:
      return "memory";
    case Trouble::io:
      return "io";
  }
  return "";
}

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

Result<void> Connection::begin() {
  trouble_ = Trouble::none;
  return execute("BEGIN IMMEDIATE");
}

void Connection::roll_back() {
  if (sqlite3_get_autocommit(handle_) == 0)
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Connection::checkpoint() {
  const int status =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  sync_failed_ = status == SQLITE_IOERR_FSYNC || status == SQLITE_IOERR_DIR_FSYNC;
  if (status != SQLITE_OK && (status & 0xff) != SQLITE_BUSY) return failure();
  return {};
}

void Connection::keep_log() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

// The index of the log lies in memory that all connections share
// (sqlite.org/walformat.html#wal_index_format): two copies of its header come first.
Result<Connection::LogEnd> Connection::log_end() {
  constexpr std::size_t kCopy = 48;
  constexpr int kRegion = 32'768;
  sqlite3_file* database = nullptr;
  volatile void* region = nullptr;
  int status = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_FILE_POINTER, &database);
  if (status == SQLITE_OK && database->pMethods != nullptr && database->pMethods->iVersion >= 2)
    status = database->pMethods->xShmMap(database, 0, kRegion, 0, &region);
  if (status != SQLITE_OK || region == nullptr)
    return fail(Errc::unavailable, file_ + ": the log's index can't be read");
  std::array<char, 2 * kCopy> header;
  std::memcpy(header.data(), const_cast<const void*>(region), header.size());
  std::uint32_t version = 0;
  std::uint16_t page = 0;
  LogEnd end;
  std::memcpy(&version, header.data(), sizeof version);
  std::memcpy(&page, header.data() + 14, sizeof page);
  std::memcpy(&end.frames, header.data() + 16, sizeof end.frames);
  end.page_bytes = page == 1 ? 65'536u : page;
  const bool settled = std::memcmp(header.data(), header.data() + kCopy, kCopy) == 0;
  if (!settled || version != 3'007'000 || header[12] == 0 || end.page_bytes < 512)
    return fail(Errc::unavailable, file_ + ": the log's index isn't of the known form");
  return end;
}

Result<void> Connection::cut_log_back() {
  TRY_VOID(begin());  // nobody else writes meanwhile
  const auto end = log_end();
  sqlite3_file* log = nullptr;
  int status = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  const bool known = end && status == SQLITE_OK && log != nullptr && log->pMethods != nullptr;
  if (known) {
    const std::int64_t frame = kFrameHeader + static_cast<std::int64_t>(end->page_bytes);
    const std::int64_t size = end->frames == 0 ? 0 : kLogHeader + end->frames * frame;
    sqlite3_int64 now = 0;
    status = log->pMethods->xFileSize(log, &now);
    if (status == SQLITE_OK && now > size) status = log->pMethods->xTruncate(log, size);
    if (status == SQLITE_OK) status = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  }
  roll_back();
  if (known && status == SQLITE_OK) return {};
  return fail(Errc::unavailable,
              file_ + ": the log can't be cut back (SQLite " + std::to_string(status) +
                  "); until that works, a restart may find changes that were refused");
}

Result<void> Connection::commit_nothing() {
  std::int64_t version = 0;
  {
    Query query(*this, "PRAGMA user_version");
    TRY(query.step());
    version = query.integer_at(0);
  }
  TRY_VOID(begin());
  auto done = execute(("PRAGMA user_version = " + std::to_string(version)).c_str());
  if (done) done = commit();
  if (!done) roll_back();
  return done;
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

// errno of a call that failed: a COMMIT leaves it with the file alone.
int Connection::last_errno() {
  int cause = sqlite3_system_errno(handle_);
  for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    if (cause != 0 || sqlite3_file_control(handle_, "main", which, &file) != SQLITE_OK) continue;
    if (file != nullptr && file->pMethods != nullptr)
      file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause);
  }
  return cause;
}

std::unexpected<Error> Connection::failure() {
  const int status = sqlite3_extended_errcode(handle_);
  if ((status & 0xff) == SQLITE_CONSTRAINT)
    return fail(Errc::conflict, file_ + ": " + sqlite3_errmsg(handle_));

  const int cause = (status & 0xff) == SQLITE_IOERR ? last_errno() : 0;
  trouble_ = trouble_of(status, cause);
  metrics::counter("openunison_store_errors_total",
                   "Steps of the session store that failed, by reason",
                   {{"reason", name(trouble_)}})
      .add();
  std::string message =
      file_ + ": " + sqlite3_errmsg(handle_) + " (SQLite " + std::to_string(status);
  if (cause != 0) message += ", " + std::string(std::strerror(cause));
  message += ")";
  const std::string advice = advice_for(status, trouble_);
  if (!advice.empty()) message += "; " + advice;
  return fail(opening_ && trouble_ == Trouble::corrupt ? Errc::bad_database : Errc::unavailable,
              std::move(message));
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
