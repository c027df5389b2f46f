// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <set>
#include <thread>

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

// Small amounts come from a stock that each thread has.
TEST(SystemRandom, NoTwoThreadsAndNoForkedChildRepeatWhatWasHandedOut) {
  SystemRandom random;
  std::set<std::string> seen;
  std::mutex adding;
  const auto draw = [&] {
    for (int i = 0; i < 1'000; ++i) {
      std::string token = random.bytes(16);
      const std::lock_guard lock(adding);
      EXPECT_TRUE(seen.insert(std::move(token)).second);
    }
  };
  {
    std::jthread one(draw), other(draw);
  }
  draw();

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string token = random.bytes(16);
    ::_exit(::write(ends[1], token.data(), token.size()) == 16 ? 0 : 1);
  }
  std::string of_child(16, '\0');
  ASSERT_EQ(::read(ends[0], of_child.data(), of_child.size()), 16);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_NE(random.bytes(16), of_child);
  ::close(ends[0]);
  ::close(ends[1]);
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
