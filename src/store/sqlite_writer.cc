// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/error.h"
#include "store/sqlite_log.h"
#include "store/sqlite_rows.h"

namespace openunison::store::sqlite {
namespace {

constexpr std::size_t kMaxQueue = 10'000;
constexpr std::size_t kMaxBatch = 256;
// A caller waits no longer; a disk that hangs must not hold every request.
constexpr Seconds kLongestWait{10};
constexpr Seconds kTouchDelay{5};
// For steps that come one upon the other, before those that came are committed.
constexpr Millis kLongestGathering{1};
// Of 4 KiB, in the log, before they are copied into the database file.
constexpr int kCheckpointPages = 1'000;

}  // namespace

Writer::Writer(std::unique_ptr<Connection> writer, std::unique_ptr<Connection> checkpointer,
               Touches& touches)
    : touches_(touches),
      connection_(std::move(writer)),
      checkpointer_(std::move(checkpointer)),
      commit_seconds_(
          metrics::latency("openunison_store_commit_seconds",
                           "Time of one transaction of the session store, until the disk had it")),
      commits_(
          metrics::counter("openunison_store_commits_total", "Transactions of the session store")),
      steps_(metrics::counter("openunison_store_committed_steps_total",
                              "Steps in those transactions; divided by them, the size of a batch")),
      overflows_(metrics::counter("openunison_store_errors_total",
                                  "Steps of the session store that failed, by reason",
                                  {{"reason", "queue_full"}})),
      cuts_(metrics::counter(
          "openunison_store_log_cuts_total",
          "Times that a commit failed and the log was cut back to what had been acknowledged")),
      queue_length_(metrics::gauge("openunison_store_queue_length",
                                   "Steps that wait for the session store's writer")),
      writable_(
          metrics::gauge("openunison_store_writable",
                         "1: the session store's last transaction was committed; 0: refused")),
      last_commit_(metrics::gauge("openunison_store_last_commit_timestamp_seconds",
                                  "When the session store last committed")),
      log_pages_(metrics::gauge("openunison_store_log_pages",
                                "Pages in the write-ahead log after the last commit")),
      log_kept_(metrics::gauge(
          "openunison_store_log_kept",
          "1: the disk lost what the write-ahead log was written back to, so it grows")),
      writer_thread_([this] { write(); }),
      checkpoint_thread_([this] { checkpoint(); }) {
  writable_.set(1);
  log_kept_.set(0);
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_writer_.notify_all();
  wake_checkpointer_.notify_all();
  writer_thread_.join();
  checkpoint_thread_.join();
  if (copies_unsure_) connection_->keep_log();
}

Task<Result<void>> Writer::enqueue(std::shared_ptr<Step> step) {
  bool full = false;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    full = queue_.size() >= kMaxQueue;
    if (!full) queue_.push_back(step);
    first = queue_.size() == 1;
    queue_length_.set(static_cast<double>(queue_.size()));
  }
  if (full) {
    overflows_.add();
    co_return fail(Errc::unavailable, "too many changes wait for the session database");
  }
  if (first) co_await gather();
  const bool done = co_await step->done.wait(net::in(kLongestWait));
  if (!done) {
    step->abandoned = true;
    co_return fail(
        Errc::unavailable,
        connection_->file() +
            ": the disk didn't answer in time; it is unknown whether the change was made");
  }
  co_return Result<void>{};
}

// A commit costs the same for one step as for many, so all that are ready to come share it: the
// first lets the others have their turn until none brings another. Alone it waits for nobody.
Task<void> Writer::gather() {
  const net::Deadline longest = net::in(kLongestGathering);
  std::size_t before = 0;
  std::size_t now = 1;
  while (now > before && now < kMaxBatch && std::chrono::steady_clock::now() < longest) {
    before = now;
    co_await net::yield();
    const std::lock_guard lock(mutex_);
    now = queue_.size();
  }
  {
    const std::lock_guard lock(mutex_);
    gathered_ = true;
  }
  wake_writer_.notify_one();
}

void Writer::wake_for_touches() {
  {
    const std::lock_guard lock(mutex_);
    if (touched_) return;
    touched_ = true;
  }
  wake_writer_.notify_one();
}

bool Writer::take(Batch& batch) {
  batch.clear();
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return stopping_ || gathered_; };
  wake_writer_.wait(lock, [&] { return ready() || touched_; });
  if (!ready()) wake_writer_.wait_for(lock, kTouchDelay, ready);
  touched_ = false;
  queue_length_.set(static_cast<double>(queue_.size()));
  while (!queue_.empty() && batch.size() < kMaxBatch) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  gathered_ = !queue_.empty();
  return !batch.empty() || !stopping_;
}

void Writer::write() {
  Batch batch;
  while (take(batch)) {
    run_batch(batch);
    drive_checkpoint();
  }
  run_batch({});  // uses that were noted last
}

void Writer::drive_checkpoint() {
  bool finish = false;
  {
    const std::lock_guard lock(mutex_);
    finish = checkpoint_ == Checkpoint::copied;
    if (finish) checkpoint_ = Checkpoint::none;
    if (!finish && checkpoint_ == Checkpoint::none &&
        connection_->log_pages() >= kCheckpointPages) {
      checkpoint_ = Checkpoint::due;
    }
  }
  if (!finish) return wake_checkpointer_.notify_one();
  // The other thread has copied nearly all. With the few pages that came meanwhile the log is done
  // with and the next commit starts it anew; else it would grow for as long as writing doesn't
  // pause.
  copy_log(*connection_);
}

// SQLite marks frames as copied without a sync where newer ones came meanwhile; the next copy's
// sync is for both. If that one fails, Linux has thrown away what both had written, and SQLite
// would write only the newer again, empty the log, and a power cut would leave half a database. A
// restart copies the whole log; until then it is only added to.
void Writer::copy_log(Connection& connection) {
  if (copies_unsure_) return;
  const auto copied = connection.checkpoint();
  if (copied) return;
  if (!connection.sync_failed()) {
    log::warn("the session database's log couldn't be written back",
              {{"reason", copied.error().message()}});
    return;
  }
  copies_unsure_ = true;
  log_kept_.set(1);
  log::error(
      "the disk lost what the session database's log was written back to; nothing is missing, but "
      "the log grows until the server is restarted",
      {{"reason", copied.error().message()}});
}

void Writer::checkpoint() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_checkpointer_.wait(lock, [this] { return stopping_ || checkpoint_ == Checkpoint::due; });
    if (stopping_) return;
    lock.unlock();
    copy_log(*checkpointer_);
    lock.lock();
    checkpoint_ = Checkpoint::copied;
  }
}

Result<void> Writer::transact(const Batch& batch, const Touches::Map& touched,
                              bool& one_step_failed) {
  TRY_VOID(connection_->begin());
  for (const auto& [id, at] : touched) TRY_VOID(update_last_used(*connection_, id, at));
  for (const auto& step : batch) {
    if (step->abandoned) continue;
    step->apply(*connection_);
    const Error* failure = step->failure();
    if (failure == nullptr) continue;
    one_step_failed = true;
    return std::unexpected(*failure);
  }
  return connection_->commit();
}

std::optional<Error> Writer::fault() const {
  const std::lock_guard lock(mutex_);
  return damage_ ? damage_ : fault_;
}

std::optional<Error> Writer::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

void Writer::note_damage(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (damage_) return;
  damage_ = error;
  log::error("the session database is damaged; nothing is written to it any more",
             {{"reason", error.message()}});
}

Result<void> Writer::regain_trust() {
  if (const auto damaged = damage()) return std::unexpected(*damaged);
  if (trusted_) return {};
  // Where this fails the commit below overwrites what it would have cut, from its first byte.
  const auto cut = connection_->cut_log_back();
  TRY_VOID(connection_->commit_nothing());
  const auto end = TRY(connection_->log_end());
  const sqlite::LogFile read = TRY(examine_log(connection_->file(), true));
  if (read.frames < end.frames) {
    const Error lost(
        Errc::unavailable,
        connection_->file() +
            "-wal: the disk doesn't give back what it had taken; stop the server, mend "
            "the disk and restore the state directory from a backup");
    note_damage(lost);
    return std::unexpected(lost);
  }
  if (!cut) TRY_VOID(connection_->cut_log_back());
  trusted_ = true;
  return {};
}

void Writer::run_batch(const Batch& batch) {
  const Touches::Map touched = touches_.pending();
  if (batch.empty() && touched.empty()) return;
  const auto started = std::chrono::steady_clock::now();
  bool one_step_failed = false;
  Result<void> committed = regain_trust();
  if (committed) {
    committed = transact(batch, touched, one_step_failed);
    if (!committed) give_up(committed.error(), one_step_failed);
  }
  if (one_step_failed && batch.size() > 1) {
    for (const auto& step : batch) run_batch({step});
    return;
  }
  note_health(committed);
  if (committed) {
    touches_.written(touched);
    commit_seconds_.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    commits_.add();
    last_commit_.set(static_cast<double>(SystemClock().now().time_since_epoch().count()) / 1'000);
    log_pages_.set(connection_->log_pages());
    steps_.add(static_cast<double>(batch.size()));
  }
  for (const auto& step : batch) {
    if (!committed) step->refuse(committed.error());
    step->done.complete();
  }
}

// After a transaction that failed: what it wrote must not be found by a restart.
void Writer::give_up(const Error& error, bool one_step_failed) {
  const Trouble trouble = connection_->trouble();
  connection_->roll_back();
  if (!error.is(Errc::unavailable)) return;
  if (trouble == Trouble::corrupt) note_damage(error);
  if (one_step_failed || trouble == Trouble::locked) return;
  trusted_ = false;
  cuts_.add();
  const auto cut = connection_->cut_log_back();
  if (!cut)
    log::warn("a refused change may be found by a restart", {{"reason", cut.error().message()}});
}

void Writer::note_health(const Result<void>& committed) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = committed.has_value() == fault_.has_value();
    fault_ = committed ? std::nullopt : std::optional(committed.error());
  }
  writable_.set(committed ? 1 : 0);
  if (!changed) return;
  if (committed) log::info("the session database can be written again");
  if (!committed)
    log::error("the session database can't be written", {{"reason", committed.error().message()}});
}

}  // namespace openunison::store::sqlite
