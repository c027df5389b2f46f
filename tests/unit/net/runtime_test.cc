// SPDX-License-Identifier: Apache-2.0
#include "net/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/metrics.h"

namespace openunison::net {
namespace {

constexpr Millis kPatience{10'000};

Task<int> forty_two() {
  co_return 42;
}

TEST(Runtime, BlockOnGivesTheTasksResult) {
  Runtime runtime(1);
  EXPECT_EQ(runtime.block_on(forty_two()), 42);
  EXPECT_EQ(runtime.block_on(forty_two()), 42) << "and again";
}

Task<void> note_thread(std::atomic<unsigned>& seen, Completion& done) {
  const Executor executor = co_await current_executor();
  seen = Runtime::index(executor);
  done.complete();
}

Task<void> spawn_everywhere(Runtime& runtime, std::vector<std::atomic<unsigned>>& seen,
                            std::vector<Completion>& done) {
  for (unsigned thread = 0; thread < runtime.size(); ++thread)
    runtime.spawn(thread, note_thread(seen[thread], done[thread]));
  for (Completion& each : done) {
    const bool in_time = co_await each.wait(in(kPatience));
    EXPECT_TRUE(in_time);
  }
  runtime.stop();
}

TEST(Runtime, TasksRunOnTheThreadThatTheyWereSpawnedOn) {
  Runtime runtime(3);
  std::vector<std::atomic<unsigned>> seen(3);
  for (auto& each : seen) each = 99;
  std::vector<Completion> done(3);
  runtime.spawn(0, spawn_everywhere(runtime, seen, done));
  runtime.run();
  for (unsigned thread = 0; thread < 3; ++thread) EXPECT_EQ(seen[thread], thread);
}

struct SetAtEnd {
  bool& flag;
  ~SetAtEnd() { flag = true; }
};
Task<void> sleep_long(bool& went_on, bool& destroyed) {
  const SetAtEnd at_end{destroyed};
  co_await sleep_until(in(Seconds(3600)));
  went_on = true;
}
Task<void> stop_soon(Runtime& runtime) {
  co_await sleep_until(in(Millis(1)));
  runtime.stop();
}

TEST(Runtime, WhatWaitsWhenItStopsIsDestroyedWithIt) {
  bool went_on = false, destroyed = false;
  {
    Runtime runtime(1);
    runtime.spawn(0, sleep_long(went_on, destroyed));
    runtime.spawn(0, stop_soon(runtime));
    runtime.run();
    EXPECT_FALSE(destroyed);
  }
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(went_on);
}

TEST(Runtime, SleepEndsAtItsTime) {
  Runtime runtime(1);
  const Deadline until = in(Millis(20));
  EXPECT_TRUE(runtime.block_on(sleep_until(until)));
  EXPECT_GE(std::chrono::steady_clock::now(), until);
  EXPECT_TRUE(runtime.block_on(sleep_until(in(Millis(-1)))));
}

// --- Completion ---

Task<void> wait_for(Completion& event, std::atomic<int>& woken) {
  const bool in_time = co_await event.wait(in(kPatience));
  if (in_time) ++woken;
}
Task<void> complete_soon(Completion& event) {
  co_await sleep_until(in(Millis(5)));
  event.complete();
}
Task<void> until_woken(Runtime& runtime, std::atomic<int>& woken, int wanted) {
  for (int i = 0; i < 10'000 && woken < wanted; ++i) co_await sleep_until(in(Millis(1)));
  runtime.stop();
}

TEST(Completion, WakesEveryWaiterOnEveryThread) {
  Runtime runtime(3);
  Completion event;
  std::atomic<int> woken{0};
  for (unsigned i = 0; i < 30; ++i) runtime.spawn(i % 3, wait_for(event, woken));
  runtime.spawn(1, complete_soon(event));
  runtime.spawn(0, until_woken(runtime, woken, 30));
  runtime.run();
  EXPECT_EQ(woken, 30);
}

TEST(Completion, WaitGivesUpAtItsDeadlineAndNotWhenDone) {
  Runtime runtime(1);
  Completion event;
  EXPECT_FALSE(event.done());
  EXPECT_FALSE(runtime.block_on(event.wait(in(Millis(5)))));
  event.complete();
  event.complete();
  EXPECT_TRUE(event.done());
  EXPECT_TRUE(runtime.block_on(event.wait(in(Millis(-1)))));
}

Task<void> wait_long(Completion& event) {
  co_await event.wait(in(Seconds(3600)));
}

// The event outlives the runtime that somebody waited in.
TEST(Completion, MayHappenAfterItsWaitersAreGone) {
  Completion event;
  {
    Runtime runtime(1);
    runtime.spawn(0, wait_long(event));
    runtime.spawn(0, stop_soon(runtime));
    runtime.run();
  }
  event.complete();
  EXPECT_TRUE(event.done());
}

// --- WorkPool ---

Task<Result<int>> compute(WorkPool& pool) {
  co_return co_await pool.run([]() -> Result<int> { return 7; });
}
Task<Result<int>> fail_inside(WorkPool& pool) {
  co_return co_await pool.run([]() -> Result<int> { return fail(Errc::io, "no"); });
}

TEST(WorkPool, GivesResultsAndErrorsOfTheWork) {
  Runtime runtime(1);
  WorkPool pool("test", 2, 8);
  const auto good = runtime.block_on(compute(pool));
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 7);
  const auto bad = runtime.block_on(fail_inside(pool));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message(), "no");
}

// Work that runs until it is told to end.
struct Gate {
  std::atomic<bool> entered{false}, open{false};
  Result<void> pass() {
    entered = true;
    while (!open) std::this_thread::yield();
    return {};
  }
};

Task<void> occupy(WorkPool& pool, std::shared_ptr<Gate> gate, std::atomic<int>& finished) {
  auto done = co_await pool.run([gate] { return gate->pass(); });
  EXPECT_TRUE(done);
  ++finished;
}
Task<Result<void>> one_too_many(Runtime& runtime, WorkPool& pool, std::shared_ptr<Gate> gate,
                                std::atomic<int>& finished) {
  runtime.spawn(0, occupy(pool, gate, finished));
  while (!gate->entered) co_await sleep_until(in(Millis(1)));
  runtime.spawn(0, occupy(pool, gate, finished));  // waits in the queue
  co_await sleep_until(in(Millis(0)));
  auto refused = co_await pool.run([]() -> Result<void> { return {}; });
  gate->open = true;
  while (finished < 2) co_await sleep_until(in(Millis(1)));
  co_return refused;
}

TEST(WorkPool, AFullQueueIsBusyAndWhatIsInItIsDone) {
  Runtime runtime(1);
  WorkPool pool("full", 1, 1);
  std::atomic<int> finished{0};
  const auto refused =
      runtime.block_on(one_too_many(runtime, pool, std::make_shared<Gate>(), finished));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::busy));
  EXPECT_EQ(finished, 2);
  const std::string exposed = metrics::expose();
  for (const char* line : {"openunison_work_refused_total{pool=\"full\"} 1\n",
                           "openunison_work_queue_length{pool=\"full\"} 0\n",
                           "openunison_work_queue_limit{pool=\"full\"} 1\n",
                           "openunison_work_wait_seconds_count{pool=\"full\"} 2\n",
                           "openunison_work_seconds_count{pool=\"full\"} 2\n"})
    EXPECT_NE(exposed.find(line), std::string::npos) << line;
}

Task<Result<void>> late(WorkPool& pool, std::shared_ptr<Gate> gate) {
  auto result = co_await pool.run([gate] { return gate->pass(); }, in(Millis(5)));
  co_return result;
}

TEST(WorkPool, WorkThatTakesTooLongTimesOut) {
  Runtime runtime(1);
  const auto gate = std::make_shared<Gate>();
  WorkPool pool("test", 1, 1);
  const auto result = runtime.block_on(late(pool, gate));
  gate->open = true;
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Errc::timed_out));
}

}  // namespace
}  // namespace openunison::net
