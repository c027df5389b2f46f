// SPDX-License-Identifier: Apache-2.0
#include "portal/time_text.h"

#include <gtest/gtest.h>

namespace openunison::portal {
namespace {

TEST(InWords, Table) {
  struct Case {
    std::int64_t seconds;
    const char* words;
  };
  const Case cases[] = {
      {-5, "0 seconds"},      {0, "0 seconds"},     {1, "1 second"},      {59, "59 seconds"},
      {60, "1 minute"},       {119, "1 minute"},    {120, "2 minutes"},   {3'600, "60 minutes"},
      {7'199, "119 minutes"}, {7'200, "2 hours"},   {43'200, "12 hours"}, {172'799, "48 hours"},
      {43'140, "12 hours"},   {37'799, "10 hours"}, {37'800, "11 hours"}, {215'999, "2 days"},
      {216'000, "3 days"},    {172'800, "2 days"},  {864'000, "10 days"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(in_words(Seconds(each.seconds)), each.words) << each.seconds;
}

TEST(Exact, IsUtc) {
  EXPECT_EQ(exact(WallTime(Seconds(0))), "1 Jan 1970, 00:00 UTC");
  EXPECT_EQ(exact(WallTime(Seconds(1'700'000'000))), "14 Nov 2023, 22:13 UTC");
  EXPECT_EQ(exact(WallTime(Millis(1'709'251'199'999))), "29 Feb 2024, 23:59 UTC");
  EXPECT_EQ(exact(WallTime(Seconds(-1))), "31 Dec 1969, 23:59 UTC");
}

TEST(When, IsRelativeToNow) {
  struct Case {
    std::int64_t millis;  // from now
    const char* text;
  };
  const Case cases[] = {
      {0, "just now"},
      {-59'999, "just now"},
      {-60'000, "1 minute ago"},
      {-7'200'000, "2 hours ago"},
      {-37'800'000, "11 hours ago"},
      {43'140'000, "in 12 hours"},
      {1'000, "in 1 minute"},
      {60'000, "in 1 minute"},
      {61'000, "in 2 minutes"},
      {43'200'000, "in 12 hours"},
  };
  const WallTime now{Seconds(1'700'000'000)};
  for (const Case& each : cases) {
    const text::Json json = when(now + Millis(each.millis), now);
    EXPECT_EQ(*json.find_string("text"), each.text) << each.millis;
    EXPECT_EQ(*json.find_string("iso"), rfc3339(now + Millis(each.millis)));
    EXPECT_EQ(*json.find_string("exact"), exact(now + Millis(each.millis)));
  }
}

}  // namespace
}  // namespace openunison::portal
