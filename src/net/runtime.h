// SPDX-License-Identifier: Apache-2.0
//
// Runtime: N threads, each with an io_context of its own. A coroutine spawned on a thread stays
// there. WorkPool: named, bounded threads for what blocks. Completion: many waiters, one event.
// The Runtime outlives everything that runs on it: what still waits after stop() goes on no more
// and is destroyed with it, so locals of coroutines must not refer to what is gone by then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/move_only_function.h"
#include "net/error.h"
#include "net/task.h"

namespace openunison::net {

class Runtime {
 public:
  // threads ≥ 1. Threads start in run().
  explicit Runtime(unsigned threads);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  unsigned size() const;
  Executor executor(unsigned thread) const;
  // The index of the thread that `executor` belongs to.
  static unsigned index(const Executor& executor);

  // Starts `task` on a thread, detached. An exception that leaves it is a bug: logged, then abort.
  void spawn(unsigned thread, Task<void> task);
  // The same on the thread that the caller runs on; callable from a coroutine only by executor.
  static void spawn_on(const Executor& executor, Task<void> task);
  // Calls `f` once on that thread, soon.
  static void post(const Executor& executor, MoveOnlyFunction<void()> f);

  // Runs all threads (the caller is thread 0) until stop().
  void run();
  // Thread-safe; idempotent; signal handlers use on_signal instead.
  void stop();
  // Calls `f` on thread 0 for SIGTERM, SIGINT and SIGHUP.
  void on_signal(std::function<void(int signal)> f);

  // For tests and command-line tools: runs thread 0 until `task` is done and gives its result.
  template <class T>
  T block_on(Task<T> task) {
    std::optional<T> result;
    run_until_done(store_result(std::move(task), result));
    return std::move(*result);
  }
  void block_on(Task<void> task) { run_until_done(std::move(task)); }

 private:
  template <class T>
  static Task<void> store_result(Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }
  void run_until_done(Task<void> task);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The executor of the running coroutine: `auto executor = co_await net::current_executor();`
Task<Executor> current_executor();
// Returns once whatever else is ready on this thread has had its turn.
Task<void> yield();
// Returns at `when`, or early with false if it was cancelled.
Task<bool> sleep_until(Deadline when);

// Many coroutines, on any threads, wait for one event. Thread-safe. Once complete, waits return at
// once.
class Completion {
 public:
  Completion();
  ~Completion();
  // false if the deadline passed first.
  Task<bool> wait(Deadline deadline);
  void complete();
  bool done() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Threads for blocking work. submit() queues; run() waits for the result on the caller's own
// thread.
class WorkPool {
 public:
  // `queue` bounds what waits; a full queue answers Errc::busy.
  WorkPool(std::string name, unsigned threads, std::size_t queue);
  ~WorkPool();  // finishes what is queued, then joins

  // `f` runs on a pool thread and returns Result<T>. If the deadline passes first the caller gets
  // Errc::timed_out and f's result is dropped when it comes (f must own what it uses).
  template <class F, class R = std::invoke_result_t<F>>
  Task<R> run(F f, Deadline deadline = kNoDeadline) {
    auto result = std::make_shared<std::optional<R>>();
    Result<void> waited = co_await run_erased(
        [result, f = std::move(f)]() mutable { result->emplace(f()); }, deadline);
    if (!waited) co_return std::unexpected(waited.error());
    co_return std::move(**result);
  }

 private:
  Task<Result<void>> run_erased(MoveOnlyFunction<void()> f, Deadline deadline);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::net
