// SPDX-License-Identifier: Apache-2.0
//
// Batches: what one step's failure does to the others.
#include "store/sqlite_writer.h"

#include <latch>
#include <numeric>

#include "base/metrics.h"
#include "store/conformance.h"
#include "store/sqlite_schema.h"

namespace openunison::store::sqlite {
namespace {

class WriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::path path = directory_.file("test.db");
    const std::vector<const char*> schema = {"CREATE TABLE numbers (n INTEGER PRIMARY KEY)"};
    std::fclose(std::fopen(path.c_str(), "w"));
    auto first = Connection::open(path);
    ASSERT_TRUE(first);
    ASSERT_TRUE(migrate(**first, schema));
    auto second = Connection::open(path);
    auto third = Connection::open(path);
    ASSERT_TRUE(second && third);
    reader_ = std::move(*third);
    writer_ = std::make_unique<Writer>(std::move(*first), std::move(*second), touches_);
  }

  // Runs a step for each of `what`: a number is inserted, 0 is a disk that fails, a negative number
  // a refusal after having inserted. All go into one batch. Gives for each whether it was done.
  std::vector<bool> run_batch(const std::vector<int>& what) {
    std::vector<bool> done(what.size());
    std::size_t left = what.size() + 1;
    std::latch held(1);  // the writer is busy with a step of its own
    std::latch queued(1);
    net::Runtime runtime(1);
    const auto finish = [&] {
      if (--left == 0) runtime.stop();
    };
    runtime.spawn(0, hold(writer_.get(), &held, &queued, finish));
    runtime.spawn(0, once(&held, [&] {
                    for (std::size_t i = 0; i < what.size(); ++i) {
                      runtime.spawn(0, step(writer_.get(), what[i], &done, i, finish));
                    }
                    net::Runtime::post(runtime.executor(0), [&] { queued.count_down(); });
                  }));
    runtime.run();
    return done;
  }

  static long commits() {
    const std::string name = "\nopenunison_store_commits_total ";
    const std::string all = metrics::expose();
    return std::stol(all.substr(all.find(name) + name.size()));
  }

  // All at once, on a writer that has nothing to do.
  void run_together(int steps) {
    net::Runtime runtime(1);
    std::vector<bool> done(static_cast<std::size_t>(steps));
    int left = steps;
    for (int i = 0; i < steps; ++i) {
      runtime.spawn(0, step(writer_.get(), i + 1, &done, static_cast<std::size_t>(i), [&] {
                      if (--left == 0) runtime.stop();
                    }));
    }
    runtime.run();
    EXPECT_EQ(std::ranges::count(done, true), steps);
  }

  std::vector<std::int64_t> stored() {
    std::vector<std::int64_t> numbers;
    Query query(*reader_, "SELECT n FROM numbers ORDER BY n");
    while (*query.step()) numbers.push_back(query.integer_at(0));
    return numbers;
  }

  TemporaryDirectory directory_;
  Touches touches_;
  std::unique_ptr<Connection> reader_;
  std::unique_ptr<Writer> writer_;

 private:
  static Task<void> hold(Writer* writer, std::latch* held, std::latch* queued,
                         std::function<void()> finish) {
    const auto done = co_await writer->run([held, queued](Connection&) -> Result<void> {
      held->count_down();
      queued->wait();
      return {};
    });
    EXPECT_TRUE(done);
    finish();
  }

  static Task<void> once(std::latch* open, std::function<void()> then) {
    while (!open->try_wait()) co_await net::yield();
    then();
  }

  static Task<void> step(Writer* writer, int number, std::vector<bool>* done, std::size_t place,
                         std::function<void()> finish) {
    const auto result = co_await writer->run([number](Connection& connection) -> Result<void> {
      if (number == 0) return fail(Errc::unavailable, "no disk");
      if (number < 0) return fail(Errc::already_used, "no");
      return Query(connection, "INSERT INTO numbers VALUES (?)").integer(number).run();
    });
    (*done)[place] = result.has_value();
    finish();
  }
};

TEST_F(WriterTest, ARefusedStepLeavesTheOthersAlone) {
  EXPECT_EQ(run_batch({1, -1, 2}), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(WriterTest, AStepThatIsThereAlreadyLeavesTheOthersAlone) {
  EXPECT_EQ(run_batch({1, 1, 2}), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(WriterTest, AStepWhoseStorageFailsLeavesTheOthersAlone) {
  EXPECT_EQ(run_batch({1, 2, 0, 3}), (std::vector<bool>{true, true, false, true}));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_F(WriterTest, WhatComesTogetherSharesACommit) {
  const long before = commits();
  run_together(100);
  EXPECT_EQ(stored().size(), 100U);
  EXPECT_EQ(commits() - before, 1);
}

TEST_F(WriterTest, WhatWaitsIsBounded) {
  std::vector<int> numbers(10'001);
  std::iota(numbers.begin(), numbers.end(), 1);
  const std::vector<bool> done = run_batch(numbers);
  const auto refused = std::ranges::count(done, false);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(stored().size(), numbers.size() - static_cast<std::size_t>(refused));
}

TEST_F(WriterTest, WhereTheCommitFailsEveryStepIsRefusedAndNothingIsVisible) {
  ASSERT_TRUE(
      reader_->execute("PRAGMA foreign_keys = OFF; CREATE TABLE child (n INTEGER REFERENCES "
                       "numbers (n) DEFERRABLE INITIALLY DEFERRED)"));
  const auto orphan = [](Connection& connection) {
    return connection.execute("INSERT INTO child VALUES (99); INSERT INTO numbers VALUES (7)");
  };
  net::Runtime runtime(1);
  EXPECT_FALSE(runtime.block_on(writer_->run(orphan)));
  EXPECT_EQ(stored(), std::vector<std::int64_t>{});
  EXPECT_EQ(run_batch({1, 2}), (std::vector<bool>{true, true}));
}

}  // namespace
}  // namespace openunison::store::sqlite
