// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace openunison::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, CounterIsExposedWithHelpTypeAndLabels) {
  counter("openunison_test_things_total", "Things.", {{"kind", "a\"b\\c\nd"}}).add();
  counter("openunison_test_things_total", "Things.", {{"kind", "a\"b\\c\nd"}}).add(2);
  const std::string text = expose();
  EXPECT_THAT(text, HasSubstr("# HELP openunison_test_things_total Things.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE openunison_test_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("openunison_test_things_total{kind=\"a\\\"b\\\\c\\nd\"} 3\n"));
}

TEST(Metrics, SameNameAndLabelsInAnyOrderAreTheSameObject) {
  auto& one = counter("openunison_test_same_total", "h", {{"a", "1"}, {"b", "2"}});
  auto& same = counter("openunison_test_same_total", "h", {{"b", "2"}, {"a", "1"}});
  auto& other = counter("openunison_test_same_total", "h", {{"a", "1"}, {"b", "3"}});
  EXPECT_EQ(&one, &same);
  EXPECT_NE(&one, &other);
  EXPECT_EQ(&gauge("openunison_test_same", "h"), &gauge("openunison_test_same", "h"));
  EXPECT_EQ(&latency("openunison_test_same_seconds", "h"),
            &latency("openunison_test_same_seconds", "h"));
}

TEST(Metrics, GaugeGoesUpAndDown) {
  auto& living = gauge("openunison_test_living", "h");
  living.set(5);
  living.add(-2);
  EXPECT_THAT(expose(), HasSubstr("openunison_test_living 3\n"));
}

TEST(Metrics, CounterNeverGoesDown) {
  auto& things = counter("openunison_test_monotone_total", "h");
  things.add(2);
  things.add(-1);
  EXPECT_THAT(expose(), HasSubstr("openunison_test_monotone_total 2\n"));
}

TEST(Metrics, LatencyCountsIntoBucketsFromHalfAMillisecondToTenSeconds) {
  auto& time = latency("openunison_test_latency_seconds", "h", {{"path", "x"}});
  time.observe(0.0004);
  time.observe(0.003);
  time.observe(60);
  const std::string text = expose();
  EXPECT_THAT(text,
              HasSubstr("openunison_test_latency_seconds_bucket{path=\"x\",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("openunison_test_latency_seconds_bucket{path=\"x\",le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("openunison_test_latency_seconds_bucket{path=\"x\",le=\"10\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("openunison_test_latency_seconds_bucket{path=\"x\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("openunison_test_latency_seconds_count{path=\"x\"} 3\n"));
}

TEST(Metrics, ManyThreadsCountTogether) {
  {
    std::array<std::jthread, 4> threads;
    for (auto& thread : threads) {
      thread = std::jthread([] {
        auto& things = counter("openunison_test_parallel_total", "h");
        for (int i = 0; i < 1000; ++i) things.add();
      });
    }
  }
  EXPECT_THAT(expose(), HasSubstr("openunison_test_parallel_total 4000\n"));
}

TEST(Metrics, CollectedFamiliesAreAskedAtEachExposureAndLeaveNothingBehind) {
  double value = 1;
  {
    const Collected age(Kind::gauge, "openunison_test_age_seconds", "Age.", [&value] {
      return std::vector<Sample>{{{{"kid", "a\"b"}}, value}, {{{"kid", "c"}}, 7}};
    });
    EXPECT_THAT(expose(), HasSubstr("# HELP openunison_test_age_seconds Age.\n"
                                    "# TYPE openunison_test_age_seconds gauge\n"
                                    "openunison_test_age_seconds{kid=\"a\\\"b\"} 1\n"
                                    "openunison_test_age_seconds{kid=\"c\"} 7\n"));
    value = 2;
    EXPECT_THAT(expose(), HasSubstr("openunison_test_age_seconds{kid=\"a\\\"b\"} 2\n"));
  }
  EXPECT_THAT(expose(), Not(HasSubstr("openunison_test_age_seconds")));
}

TEST(Metrics, CollectedCountersAreCountersAndAnEmptyFamilyIsLeftOut) {
  const Collected cpu(Kind::counter, "process_test_seconds_total", "CPU.",
                      [] { return std::vector<Sample>{{{}, 1.5}}; });
  const Collected none(Kind::gauge, "openunison_test_none", "None.",
                       [] { return std::vector<Sample>(); });
  EXPECT_THAT(expose(), HasSubstr("# TYPE process_test_seconds_total counter\n"
                                  "process_test_seconds_total 1.5\n"));
  EXPECT_THAT(expose(), Not(HasSubstr("openunison_test_none")));
}

void collect_nothing(const std::string& name) {
  const Collected none(Kind::gauge, name, "h", [] { return std::vector<Sample>(); });
}

TEST(MetricsDeathTest, ACollectedNameIsOursOrTheProcesssAndGivenOnce) {
  const Collected first(Kind::gauge, "openunison_test_once", "h",
                        [] { return std::vector<Sample>(); });
  EXPECT_DEATH(collect_nothing("openunison_test_once"), "CHECK failed");
  EXPECT_DEATH(collect_nothing("go_threads"), "CHECK failed");
}

TEST(MetricsDeathTest, NameOutsideOurPrefixIsABug) {
  EXPECT_DEATH(counter("http_requests_total", "h"), "CHECK failed");
}

}  // namespace
}  // namespace openunison::metrics
