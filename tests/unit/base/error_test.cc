// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/result.h"

namespace openunison {
namespace {

enum class FruitErrc { rotten = 1, unripe };
std::error_code make_error_code(FruitErrc code) {
  static constexpr const char* kTexts[] = {"rotten", "unripe"};
  static const ErrorCategory kCategory("fruit", kTexts, 2);
  return {static_cast<int>(code), kCategory};
}

}  // namespace
}  // namespace openunison

template <>
struct std::is_error_code_enum<openunison::FruitErrc> : std::true_type {};

namespace openunison {
namespace {

TEST(Error, KnowsItsCodeAndGainsContext) {
  const Error error(FruitErrc::unripe, "the pear is hard");
  EXPECT_TRUE(error.is(FruitErrc::unripe));
  EXPECT_FALSE(error.is(FruitErrc::rotten));
  const Error wider = error.with_context("lunch");
  EXPECT_EQ(wider.message(), "lunch: the pear is hard");
  EXPECT_TRUE(wider.is(FruitErrc::unripe));
  EXPECT_STREQ(error.code().category().name(), "fruit");
}

TEST(ErrorCategory, NamesItsEnumeratorsAndNothingElse) {
  const auto& category = make_error_code(FruitErrc::rotten).category();
  EXPECT_EQ(category.message(1), "rotten");
  EXPECT_EQ(category.message(2), "unripe");
  for (const int value : {-1, 0, 3}) EXPECT_EQ(category.message(value), "unknown");
}

Result<int> pick(bool ripe) {
  if (!ripe) return fail(FruitErrc::unripe, "not yet");
  return 3;
}
Result<void> pick_none(bool ripe) {
  TRY_VOID(pick(ripe));
  return {};
}
Result<std::string> pick_and_count(bool ripe) {
  return std::string(static_cast<std::size_t>(TRY(pick(ripe))), '*');
}

TEST(Result, TryUnwrapsOrReturnsTheError) {
  EXPECT_EQ(pick_and_count(true), "***");
  ASSERT_FALSE(pick_and_count(false));
  EXPECT_TRUE(pick_and_count(false).error().is(FruitErrc::unripe));
  EXPECT_TRUE(pick_none(true));
  ASSERT_FALSE(pick_none(false));
  EXPECT_EQ(pick_none(false).error().message(), "not yet");
}

}  // namespace
}  // namespace openunison
