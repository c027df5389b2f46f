// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace openunison {
namespace {

struct Rfc3339Case {
  std::int64_t millis;
  const char* text;
};

TEST(Clock, PrintsRfc3339InWholeSecondsRoundedDown) {
  const Rfc3339Case cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {999, "1970-01-01T00:00:00Z"},
      {-1, "1969-12-31T23:59:59Z"},
      {951'827'696'000, "2000-02-29T12:34:56Z"},
      {1'700'000'000'123, "2023-11-14T22:13:20Z"},
      {253'402'300'799'000, "9999-12-31T23:59:59Z"},
  };
  for (const auto& test : cases) EXPECT_EQ(rfc3339(WallTime(Millis(test.millis))), test.text);
}

TEST(Clock, UnixSecondsRoundDownOnBothSidesOfTheEpoch) {
  EXPECT_EQ(unix_seconds(WallTime(Millis(1999))), 1);
  EXPECT_EQ(unix_seconds(WallTime(Millis(-1))), -1);
  EXPECT_EQ(from_unix_seconds(1'700'000'000), WallTime(Seconds(1'700'000'000)));
}

TEST(Clock, SecondsOffTheNetworkCannotOverflow) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(rfc3339(from_unix_seconds(kMax)), "9999-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339(from_unix_seconds(kMin)), "0001-01-01T00:00:00Z");
  EXPECT_GT(from_unix_seconds(kMax) + Seconds(3600), from_unix_seconds(kMax));
}

TEST(ManualClock, MovesBothClocksOrTheWallClockAlone) {
  ManualClock clock(WallTime(Seconds(100)));
  const MonoTime start = clock.mono();
  clock.advance(Millis(1500));
  EXPECT_EQ(clock.now(), WallTime(Millis(101'500)));
  EXPECT_EQ(clock.mono() - start, Millis(1500));
  clock.step(Millis(-1500));
  EXPECT_EQ(clock.now(), WallTime(Seconds(100)));
  EXPECT_EQ(clock.mono() - start, Millis(1500));
}

TEST(SystemClock, IsTheSystemsToTheMillisecond) {
  const auto before = std::chrono::floor<Millis>(std::chrono::system_clock::now());
  const auto mono_before = std::chrono::steady_clock::now();
  const SystemClock clock;
  const WallTime now = clock.now();
  const MonoTime mono = clock.mono();
  EXPECT_GE(now, before);
  EXPECT_LE(now, std::chrono::system_clock::now());
  EXPECT_GE(mono, mono_before);
  EXPECT_LE(mono, std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace openunison
