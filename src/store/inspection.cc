// SPDX-License-Identifier: Apache-2.0
#include "store/inspection.h"

#include <filesystem>

#include "store/continuity.h"
#include "store/damage_note.h"
#include "store/error.h"
#include "store/file_lock.h"
#include "store/sqlite_rows.h"

namespace openunison::store {
namespace {

// Version 0 is a file that the first start hasn't come to fill.
Result<bool> has_tables(sqlite::Connection& connection) {
  sqlite::Query query(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'number'");
  return query.step();
}

Result<void> check_pages(sqlite::Connection& connection) {
  sqlite::Query query(connection, "PRAGMA quick_check(1)");
  TRY(query.step());
  if (query.bytes_at(0) == "ok") return {};
  return fail(
      Errc::bad_database,
      connection.file() + ": it is damaged (" + std::string(query.bytes_at(0)) +
          "); restore it from a backup or move it away, with which everybody signs in anew");
}

}  // namespace

Result<std::string> inspect(const std::string& file, const std::string& counter_file,
                            const crypto::MasterKey& master) {
  const FileLock lock = TRY(FileLock::take(file + ".lock"));
  // SQLite brings the log into the database when the connection ends; this must be seen before.
  if (TRY(has_damaged_log(file))) return explain(Standing::damaged_log, std::nullopt, {});
  const Counter counter = TRY(CounterFile(counter_file, master).read());
  // Opening would make it.
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return explain(judge(std::nullopt, counter), std::nullopt, counter);
  const auto connection = TRY(sqlite::Connection::open(file));
  std::optional<Mark> mark;
  if (TRY(has_tables(*connection))) {
    TRY_VOID(check_pages(*connection));
    mark = TRY(sqlite::read_mark(*connection));
  }
  return explain(judge(mark, counter), mark, counter);
}

}  // namespace openunison::store
