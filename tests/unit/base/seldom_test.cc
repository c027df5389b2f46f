// SPDX-License-Identifier: Apache-2.0
#include "base/seldom.h"

#include <gtest/gtest.h>

namespace openunison {
namespace {

TEST(Seldom, SaysTheFirstAndThenHowManyItLeftOut) {
  Seldom seldom(Millis(1'000));
  const MonoTime start{};
  EXPECT_EQ(seldom.now(start), 0u);
  EXPECT_EQ(seldom.now(start), std::nullopt);
  EXPECT_EQ(seldom.now(start + Millis(999)), std::nullopt);
  EXPECT_EQ(seldom.now(start + Millis(1'000)), 2u);
  EXPECT_EQ(seldom.now(start + Millis(1'001)), std::nullopt);
  EXPECT_EQ(seldom.now(start + Millis(9'000)), 1u);
  EXPECT_EQ(seldom.now(start + Millis(10'000)), 0u);
}

}  // namespace
}  // namespace openunison
