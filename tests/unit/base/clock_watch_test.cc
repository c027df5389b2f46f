// SPDX-License-Identifier: Apache-2.0
#include "base/clock_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace openunison {
namespace {

// What happens to the clock, and whether what seems to be over may be deleted afterwards.
struct Event {
  Seconds step, goes_by;
  bool trusted;
};
struct Case {
  const char* name;
  std::vector<Event> events;
};

constexpr Seconds kNow{0}, kDay{86'400};

TEST(ClockWatch, WhatIsInDoubt) {
  const Case cases[] = {
      {"nothing happens", {{kNow, Seconds(1), true}}},
      {"a slewed clock", {{Seconds(1), Seconds(1), true}}},
      {"less than a session's idle time", {{Seconds(59), Seconds(1), true}}},
      {"a day forward, for ten minutes",
       {{kDay, Seconds(1), false}, {kNow, Seconds(598), false}, {kNow, Seconds(2), true}}},
      {"a day forward and put right", {{kDay, Seconds(1), false}, {-kDay, Seconds(1), true}}},
      {"a day forward and a little back: nearly all of it is still in doubt",
       {{kDay, Seconds(1), false},
        {Seconds(-5), Seconds(1), false},
        {Seconds(-5) - kDay + Seconds(10), Seconds(1), true}}},
      {"small steps add up", {{Seconds(30), Seconds(1), true}, {Seconds(30), Seconds(1), false}}},
      {"ten minutes without a step confirm one",
       {{Seconds(30), Seconds(601), true}, {Seconds(30), Seconds(1), true}}},
      {"each step begins the ten minutes anew",
       {{kDay, Seconds(500), false}, {Seconds(5), Seconds(500), false}}},
      {"a day back and put right", {{-kDay, Seconds(1), true}, {kDay, Seconds(1), true}}},
      {"back for long, then forward", {{-kDay, Seconds(700), true}, {kDay, Seconds(1), false}}},
  };
  for (const Case& c : cases) {
    ManualClock clock;
    ClockWatch watch(clock);
    int number = 0;
    for (const Event& event : c.events) {
      ++number;
      clock.step(event.step);
      watch.look();
      clock.advance(event.goes_by);
      watch.look();
      EXPECT_EQ(watch.trusted(), event.trusted) << c.name << ", event " << number;
    }
  }
}

TEST(ClockWatch, ClockThatIsSetAgainAndAgainIsDoubtedForSixHoursAtMost) {
  ManualClock clock;
  ClockWatch watch(clock);
  clock.step(kDay);
  watch.look();
  const auto go_on = [&] {
    clock.step(Seconds(3));
    clock.advance(Seconds(300));
    watch.look();
  };
  for (int minutes = 0; minutes < 350; minutes += 5) {
    go_on();
    ASSERT_FALSE(watch.trusted()) << minutes;
  }
  for (int i = 0; i < 3; ++i) go_on();
  EXPECT_TRUE(watch.trusted());
}

}  // namespace
}  // namespace openunison
