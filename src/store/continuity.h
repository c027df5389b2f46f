// SPDX-License-Identifier: Apache-2.0
//
// Continuity: is this the session database that was there last time? Where an older one was put
// back, sessions that were ended since would live again, and tokens that were replaced would be
// good again; so all sessions end, and the reason is said. A counter tells: its copy in the
// database is moved on first, the one outside (counter_file.h) after that, so that a crash in
// between leaves the database ahead by one, which is no alarm. The counter moves at the start,
// about every minute and at the stop: a copy of the database that was made more than a minute ago
// is behind.
//
// What it can't tell: the whole state directory put back at once (docs/guides/operations.md).
// On one runtime thread; owned by main; the store outlives it.
#pragma once

#include <string>

#include "base/metrics.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "net/runtime.h"
#include "store/counter_file.h"
#include "store/durable_store.h"

namespace openunison::store {

enum class Standing {
  first,            // neither has a mark: new, or of a program that had none
  same,             // both agree
  interrupted,      // the database is ahead by one: a crash between the two writes
  older_database,   // the database is behind
  other_database,   // it isn't the one that the counter is of
  older_counter,    // the database is ahead by more than a crash explains
  no_counter,       // the database has a mark and the file is gone
  damaged_counter,  // the file doesn't open
  damaged_log,      // the database's log had lost something that was acknowledged
};
// True: sessions in this database can be trusted to be what they were last.
bool is_trusted(Standing standing);
// A label: "older_database".
const char* name(Standing standing);
// A sentence without a full stop; empty for a standing that is trusted.
std::string explain(Standing standing, const std::optional<Mark>& database, const Counter& counter);
// Pure. `database` nullopt: no mark was ever set in it.
Standing judge(const std::optional<Mark>& database, const Counter& counter);

class Continuity {
 public:
  Continuity(DurableStore& store, std::string file, const crypto::MasterKey& master,
             crypto::Random& random);

  // Once, before anybody is let in: ends all sessions where the standing isn't trusted. Errors:
  // unavailable (the standing can't be learnt, or the sessions that must end can't be ended): then
  // nobody may be let in.
  Task<Result<Standing>> start();
  // Moves the counter on, both copies. Error: unavailable, said in the log; the next call catches
  // up.
  Task<Result<void>> advance();

  // Why all sessions ended at the start, a sentence; empty where they didn't.
  const std::string& notice() const { return notice_; }

 private:
  Task<Result<void>> write_file(Mark mark);
  void note(const Result<void>& written);

  DurableStore& store_;
  CounterFile file_;
  crypto::Random& random_;
  metrics::Gauge& writable_;
  // Writing may take its time where the disk is ill.
  net::WorkPool pool_{"session counter", 1, 2};
  Mark database_;             // as far as is known
  std::int64_t outside_ = 0;  // the number in the file
  bool started_ = false;
  bool advancing_ = false;
  bool failing_ = false;  // the last write of the file
  std::string notice_;
};

}  // namespace openunison::store
