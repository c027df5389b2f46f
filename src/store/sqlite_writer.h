// SPDX-License-Identifier: Apache-2.0
//
// Writer: the one thread that changes the database. It takes everything that has queued while it
// was busy, runs it in one transaction and resumes the callers after COMMIT has returned, which is
// after the disk has it. Where one step of a batch fails for want of disk, the batch is rolled back
// and its steps are tried one by one. A second thread copies the log into the database file
// meanwhile. Private to store/.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "net/runtime.h"
#include "store/error.h"
#include "store/sqlite_connection.h"
#include "store/touches.h"

namespace openunison::store::sqlite {

class Writer {
 public:
  // `touches` outlives this. Its pending uses are written with the next batch, or some seconds
  // later.
  Writer(std::unique_ptr<Connection> writer, std::unique_ptr<Connection> checkpointer,
         Touches& touches);
  ~Writer();  // commits what is queued and noted

  // Runs `f(Connection&)`, which returns Result<T> and may be called again after a rollback, in a
  // transaction; returns when that is committed. `f` owns what it uses. Errors: f's own;
  // unavailable, and then nothing was changed, except where the message says that it's unknown.
  template <class F, class R = std::invoke_result_t<F&, Connection&>>
  Task<R> run(F f) {
    auto step = std::make_shared<TypedStep<F, R>>(std::move(f));
    Result<void> waited = co_await enqueue(step);
    if (!waited) co_return std::unexpected(waited.error());
    co_return std::move(*step->result);
  }

  // Why nothing is written at the moment.
  std::optional<Error> fault() const;
  // A reader has found the database damaged: nothing is written from now on.
  void note_damage(const Error& error);

  // There are uses to write; not before some seconds have passed.
  void wake_for_touches();

 private:
  struct Step {
    virtual ~Step() = default;
    virtual void apply(Connection& connection) = 0;
    // The storage failed; whatever else apply() gave stands.
    virtual const Error* failure() const = 0;
    virtual void refuse(const Error& error) = 0;

    std::atomic<bool> abandoned = false;  // its caller has stopped waiting
    net::Completion done;
  };

  template <class F, class R>
  struct TypedStep final : Step {
    explicit TypedStep(F function) : f(std::move(function)) {}
    void apply(Connection& connection) override { result.emplace(f(connection)); }
    const Error* failure() const override {
      return *result || !result->error().is(Errc::unavailable) ? nullptr : &result->error();
    }
    void refuse(const Error& error) override { result.emplace(std::unexpected(error)); }

    F f;
    std::optional<R> result;
  };
  using Batch = std::vector<std::shared_ptr<Step>>;

  Task<Result<void>> enqueue(std::shared_ptr<Step> step);
  Task<void> gather();
  void write();
  // Waits for work; false: stop.
  bool take(Batch& batch);
  void run_batch(const Batch& batch);
  // All of `batch` in one transaction.
  Result<void> transact(const Batch& batch, const Touches::Map& touched, bool& one_step_failed);
  void give_up(const Error& error, bool one_step_failed);
  // Whether the disk can be believed again after a commit that failed. Errors: unavailable.
  Result<void> regain_trust();
  // Says once that the disk fails, and once that it works again.
  void note_health(const Result<void>& committed);
  std::optional<Error> damage() const;
  void drive_checkpoint();
  // By one thread at a time.
  void copy_log(Connection& connection);
  // The other thread.
  void checkpoint();

  Touches& touches_;
  std::unique_ptr<Connection> connection_;  // of all connections to the file the last to close
  std::unique_ptr<Connection> checkpointer_;

  mutable std::mutex mutex_;
  std::condition_variable wake_writer_;
  std::condition_variable wake_checkpointer_;
  std::deque<std::shared_ptr<Step>> queue_;
  bool gathered_ = false;  // what is queued
  bool touched_ = false;
  bool stopping_ = false;
  enum class Checkpoint { none, due, copied };
  Checkpoint checkpoint_ = Checkpoint::none;
  std::optional<Error> fault_;               // of the last batch
  std::optional<Error> damage_;              // stays
  bool trusted_ = true;                      // the writer's own
  std::atomic<bool> copies_unsure_ = false;  // of the log, in the database file

  metrics::Histogram& commit_seconds_;
  metrics::Counter& commits_;
  metrics::Counter& steps_;
  metrics::Counter& overflows_;
  metrics::Counter& cuts_;
  metrics::Gauge& queue_length_;
  metrics::Gauge& writable_;
  metrics::Gauge& last_commit_;
  metrics::Gauge& log_pages_;
  metrics::Gauge& log_kept_;
  std::thread writer_thread_;
  std::thread checkpoint_thread_;
};

}  // namespace openunison::store::sqlite
