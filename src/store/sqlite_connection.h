// SPDX-License-Identifier: Apache-2.0
//
// Connection: one connection to an SQLite database, with its prepared statements. Query: one use of
// a statement. The only place, with its .cc, where the C interface of SQLite shows. Used by one
// thread at a time. Private to store/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace openunison::store::sqlite {

// What kind of failure it was; also the `reason` of openunison_store_errors_total.
enum class Trouble { none, full, locked, corrupt, read_only, memory, io };
const char* name(Trouble trouble);

class Connection {
 public:
  // The file must exist. Errors: unavailable, bad_database.
  static Result<std::unique_ptr<Connection>> open(const std::string& file);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements that give no rows, separated by semicolons.
  Result<void> execute(const char* sql);

  Result<void> begin();
  Result<void> commit() { return execute("COMMIT"); }
  // Also after SQLite has rolled back by itself, as it does on a full disk.
  void roll_back();

  // After commit() has failed: takes what it wrote out of the write-ahead log, so that a restart
  // doesn't find a change that was refused, and so that the next commit writes every byte after the
  // last good one anew. Error: unavailable; then a restart may find that change.
  Result<void> cut_log_back();
  // Where the log ends for SQLite: the frames that count, all of which were acknowledged. Error:
  // unavailable (it can't be learnt).
  struct LogEnd {
    std::uint32_t frames = 0;
    std::uint32_t page_bytes = 0;
  };
  Result<LogEnd> log_end();
  // Commits a change that changes nothing: does the disk take writes again?
  Result<void> commit_nothing();

  // Copies what the write-ahead log holds into the database file, as far as no reader is in the
  // way. Doesn't wait for the writer and doesn't hold it up.
  Result<void> checkpoint();
  // Whether the last checkpoint failed in a sync.
  bool sync_failed() const { return sync_failed_; }
  // Closing this connection, if it is the last, leaves the log as it is.
  void keep_log();
  // The key of the row that was inserted last.
  std::int64_t last_key() const;
  // Pages in the write-ahead log after the last commit of this connection.
  int log_pages() const { return log_pages_; }
  // Of the last call that failed here since the last begin().
  Trouble trouble() const { return trouble_; }

  const std::string& file() const { return file_; }

 private:
  friend class Query;
  Connection(std::string file, sqlite3* handle);
  Result<sqlite3_stmt*> prepare(const char* sql);
  // What the failed call means: unavailable, conflict for a row that is there already, or, while
  // opening, bad_database.
  std::unexpected<Error> failure();
  int last_errno();
  static int on_commit(void* connection, sqlite3*, const char*, int pages);

  std::string file_;
  sqlite3* handle_;
  bool opening_ = true;
  int log_pages_ = 0;
  bool sync_failed_ = false;
  Trouble trouble_ = Trouble::none;
  // By the address of the literal.
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

// Bind from the first parameter to the last, then step() while it gives true. Columns are valid
// until the next step(). One statement has one Query at a time.
class Query {
 public:
  // `sql` is a literal: its address names the prepared statement.
  Query(Connection& connection, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& integer(std::int64_t value);
  Query& text(std::string_view value);
  Query& blob(std::string_view value);
  // NULL where `value` is empty: such rows are left out of the index.
  Query& text_or_null(std::string_view value);
  Query& blob_or_null(std::string_view value);

  // True: a row. Errors: unavailable, conflict.
  Result<bool> step();
  // For statements without rows.
  Result<void> run();

  std::int64_t integer_at(int column) const;
  // Text or blob; empty for NULL.
  std::string_view bytes_at(int column) const;

 private:
  void check(int status);

  Connection& connection_;
  Result<sqlite3_stmt*> statement_;
  std::optional<Error> error_;
  int parameter_ = 0;
};

}  // namespace openunison::store::sqlite
