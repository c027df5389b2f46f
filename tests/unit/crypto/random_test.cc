// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace openunison::crypto {
namespace {

TEST(SeededRandom, RepeatsItselfForTheSameSeedOnly) {
  SeededRandom one(7), same(7), other(8);
  const std::string first = one.bytes(32);
  EXPECT_EQ(first, same.bytes(32));
  EXPECT_NE(first, other.bytes(32));
  EXPECT_NE(first, one.bytes(32));
}

TEST(SystemRandom, FillsEveryByteAndDoesNotRepeat) {
  SystemRandom random;
  std::array<std::set<std::uint8_t>, 16> seen;
  for (int i = 0; i < 64; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    random.fill(bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) seen[at].insert(bytes[at]);
  }
  // 64 draws of 256 give about 57 different values; under 20 happens never.
  for (const auto& values : seen) EXPECT_GT(values.size(), 20u);
  EXPECT_EQ(random.bytes(0), "");
}

TEST(Random, TokenIsBase64urlOfThatManyBytes) {
  SystemRandom random;
  EXPECT_EQ(random.token().size(), 43u);
  EXPECT_EQ(random.token(16).size(), 22u);
  EXPECT_EQ(random.token(16).find_first_not_of(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  EXPECT_NE(random.token(), random.token());
}

TEST(Random, IdsDiffer) {
  SeededRandom random(1);
  using ThingId = Id<struct ThingTag>;
  EXPECT_NE(random.id<ThingTag>(), random.id<ThingTag>());
  EXPECT_NE(random.id<ThingTag>(), ThingId{});
}

}  // namespace
}  // namespace openunison::crypto
