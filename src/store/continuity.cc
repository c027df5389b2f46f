// SPDX-License-Identifier: Apache-2.0
#include "store/continuity.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/error.h"

namespace openunison::store {
namespace {

constexpr Seconds kLongestWrite{10};
constexpr Standing kUntrusted[] = {Standing::older_database,  Standing::other_database,
                                   Standing::older_counter,   Standing::no_counter,
                                   Standing::damaged_counter, Standing::damaged_log};

metrics::Counter& forgotten_sessions(Standing standing) {
  return metrics::counter("openunison_store_sessions_forgotten_total",
                          "Sessions that were ended at the start because the database wasn't the "
                          "last one, by what told.",
                          {{"reason", name(standing)}});
}

std::int64_t random_number(crypto::Random& random) {
  const std::string bytes = random.bytes(sizeof(std::int64_t));
  std::int64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

}  // namespace

std::string explain(Standing standing, const std::optional<Mark>& database,
                    const Counter& counter) {
  const std::string inside = database ? std::to_string(database->number) : "none";
  const std::string outside = std::to_string(counter.mark.number);
  switch (standing) {
    case Standing::older_database:
      return "an older session database was put back (its counter is " + inside +
             ", the last one was " + outside + ")";
    case Standing::other_database:
      return database ? "another session database was put in the place of the last one"
                      : "the session database is gone";
    case Standing::older_counter:
      return "the file sessions.counter is older than the session database (" + outside + ", not " +
             inside + "), so that it can't be told whether that is the last one";
    case Standing::no_counter:
      return "the file sessions.counter is gone, so that it can't be told whether the session "
             "database is the last one";
    case Standing::damaged_counter:
      return "the file sessions.counter can't be read with OU_MASTER_KEY, so that it can't be told "
             "whether the session database is the last one";
    case Standing::damaged_log:
      return "the session database's log (sessions.db-wal) was damaged, and changes that were "
             "acknowledged are lost";
    default:
      return {};
  }
}

bool is_trusted(Standing standing) {
  return standing == Standing::first || standing == Standing::same ||
         standing == Standing::interrupted;
}

const char* name(Standing standing) {
  switch (standing) {
    case Standing::first:
      return "first";
    case Standing::same:
      return "same";
    case Standing::interrupted:
      return "interrupted";
    case Standing::older_database:
      return "older_database";
    case Standing::other_database:
      return "other_database";
    case Standing::older_counter:
      return "older_counter";
    case Standing::no_counter:
      return "no_counter";
    case Standing::damaged_counter:
      return "damaged_counter";
    case Standing::damaged_log:
      return "damaged_log";
  }
  return "";
}

Standing judge(const std::optional<Mark>& database, const Counter& counter) {
  if (counter.state == Counter::State::damaged) return Standing::damaged_counter;
  if (counter.state == Counter::State::absent) {
    if (!database) return Standing::first;
    // The very first pair of writes was cut.
    return database->number == 1 ? Standing::interrupted : Standing::no_counter;
  }
  if (!database || database->database != counter.mark.database) return Standing::other_database;
  if (database->number == counter.mark.number) return Standing::same;
  if (database->number < counter.mark.number) return Standing::older_database;
  return database->number == counter.mark.number + 1 ? Standing::interrupted
                                                     : Standing::older_counter;
}

Continuity::Continuity(DurableStore& store, std::string file, const crypto::MasterKey& master,
                       crypto::Random& random)
    : store_(store),
      file_(std::move(file), master),
      random_(random),
      writable_(metrics::gauge("openunison_store_mark_writable",
                               "1 unless the last write of the file sessions.counter failed.")) {
  for (const Standing standing : kUntrusted) forgotten_sessions(standing);
  writable_.set(1);
}

Task<Result<Standing>> Continuity::start() {
  CHECK(!started_);
  const auto database = co_await store_.mark();
  if (!database) co_return std::unexpected(database.error());
  const auto counter = file_.read();
  if (!counter) co_return std::unexpected(counter.error());
  Standing standing = judge(*database, *counter);
  if (is_trusted(standing) && store_.lost_acknowledged()) standing = Standing::damaged_log;

  const bool known = counter->state == Counter::State::read;
  outside_ = known ? counter->mark.number : 0;
  if (is_trusted(standing)) {
    database_ = *database ? **database : Mark{random_number(random_), 0};
    started_ = true;
    // What is there is good: a disk that is full keeps nobody out who can be read.
    co_await advance();  // says what fails
    co_return standing;
  }

  notice_ = explain(standing, *database, *counter) + "; all sessions were ended";
  Mark next = *database ? **database : Mark{random_number(random_), 0};
  if (known) next.database = counter->mark.database;
  next.number = std::max(next.number, outside_) + 1;
  const auto forgotten = co_await store_.forget_all(next);
  if (!forgotten) {
    co_return fail(Errc::unavailable,
                   explain(standing, *database, *counter) +
                       ", and its sessions can't be ended: " + forgotten.error().message());
  }
  log::error(notice_, {{"sessions", *forgotten}});
  log::audit("all_sessions_ended", {{"reason", name(standing)}, {"sessions", *forgotten}});
  forgotten_sessions(standing).add(static_cast<double>(*forgotten));
  // A crash before the file is written ends them again, and there are none then.
  const auto written = co_await write_file(next);
  if (!written) co_return std::unexpected(written.error());
  database_ = next;
  started_ = true;
  co_return standing;
}

Task<Result<void>> Continuity::advance() {
  if (!started_ || advancing_) co_return Result<void>{};
  advancing_ = true;
  Result<void> done;
  // The database is never ahead by more than one.
  if (outside_ < database_.number) done = co_await write_file(database_);
  if (done) {
    const Mark next{database_.database, database_.number + 1};
    done = co_await store_.set_mark(next);
    if (!done)
      log::warn("the counter in the session database couldn't be moved on",
                {{"reason", done.error().message()}});
    if (done) database_ = next;
    if (done) done = co_await write_file(next);
  }
  advancing_ = false;
  co_return done;
}

Task<Result<void>> Continuity::write_file(Mark mark) {
  auto job = [file = file_, mark, random = &random_]() { return file.write(mark, *random); };
  auto written = co_await pool_.run(std::move(job), net::in(kLongestWrite));
  if (!written && !written.error().is(Errc::unavailable))
    co_return fail(Errc::unavailable, file_.file() + ": the disk didn't answer in time");
  if (written) outside_ = mark.number;
  note(written);
  co_return written;
}

// Said once, not every minute.
void Continuity::note(const Result<void>& written) {
  if (written.has_value() == !failing_) return;
  failing_ = !failing_;
  writable_.set(failing_ ? 0 : 1);
  if (failing_) {
    log::error(
        "the counter of the session database can't be written; until it can, a start can't "
        "tell as well whether an older database was put back",
        {{"reason", written.error().message()}});
  } else {
    log::info("the counter of the session database can be written again");
  }
}

}  // namespace openunison::store
