// SPDX-License-Identifier: Apache-2.0
//
// FaultyDisk: a disk under SQLite that fails when it is told to, as an SQLite VFS over the usual
// one. Beside the files as they are ("the cache": what a restarted process finds) it keeps what
// would be left after a power cut ("the platter"): a block gets there with the next sync that
// succeeds. A sync that fails loses the blocks that it should have written and reports them as
// clean from then on, as Linux does: the next sync succeeds without them, but for that every other
// open file of that name is told of the failure once, by its own next sync (errseq_t).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace openunison::store {

class FaultyDisk {
 public:
  enum class Operation { write, sync, truncate, read };
  struct Plan {
    Operation operation = Operation::sync;
    int at = 1;                 // the first one of that kind that fails, counted from arm()
    int length = 1;             // how many fail
    int status = 0;             // what SQLite is told: SQLITE_IOERR_FSYNC, SQLITE_FULL, ...
    bool truncate_too = false;  // truncating fails for as long
  };

  static FaultyDisk& instance();
  // SQLite's default from now on, without a fault, or no more.
  void install();
  void remove();

  void arm(Plan plan);
  void disarm();
  // While paused nothing fails and nothing is counted.
  void pause();
  void resume();
  // How many failed since arm().
  int failures() const;
  // Writes what the platter holds of `file` and its log to `copy` and its log.
  void copy_platter(const std::string& file, const std::string& copy) const;

  // --- for the VFS ---
  // What to answer instead of doing it; 0: do it.
  int fate(Operation operation);
  // What was told already of failed syncs.
  std::uint64_t opened(const std::string& name);
  void written(const std::string& name, std::int64_t at, std::int64_t size);
  // `fate`: of this sync. What to answer; `told` is what this open file was told already.
  int synced(const std::string& name, int fate, std::uint64_t& told);
  void deleted(const std::string& name);

 private:
  struct File {
    std::string platter;
    std::set<std::int64_t> dirty;  // blocks
    std::uint64_t failed = 0;      // the number of the last sync that did
  };

  mutable std::mutex mutex_;
  Plan plan_;
  bool armed_ = false;
  bool paused_ = false;
  std::map<Operation, int> counts_;
  int failures_ = 0;
  std::map<std::string, File> files_;
  std::uint64_t failed_syncs_ = 0;
};

}  // namespace openunison::store
