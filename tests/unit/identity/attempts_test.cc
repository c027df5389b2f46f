// SPDX-License-Identifier: Apache-2.0
#include "identity/attempts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace openunison::identity {
namespace {

constexpr MonoTime kStart{Millis(1'000'000)};

AttemptLimits limits() {
  AttemptLimits result;
  result.free_per_pair = 3;
  result.free_per_address = 6;
  result.first_wait = Millis(1'000);
  result.longest_wait_of_pair = Millis(8'000);
  result.longest_wait_of_address = Millis(2'000);
  result.forgotten_after = Millis(60'000);
  result.entries = 10;
  return result;
}

TEST(Attempts, WaitsDoubleUpToTheLongest) {
  Attempts attempts(limits());
  MonoTime now = kStart;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", now)) << i;
  for (const int wait : {1, 2, 4, 8, 8}) {
    const auto told = attempts.start("alice", "1.1.1.1", now);
    ASSERT_TRUE(told);
    EXPECT_EQ(*told, Seconds(wait));
    EXPECT_TRUE(attempts.start("alice", "1.1.1.1", now + Millis(wait * 1000 - 1)));
    now += Seconds(wait);
    EXPECT_FALSE(attempts.start("alice", "1.1.1.1", now)) << wait;
  }
}

TEST(Attempts, AskingTooEarlyCostsNothing) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(attempts.start("alice", "1.1.1.1", kStart), Millis(1'000));
}

TEST(Attempts, TrueUserFromElsewhereIsNotLockedOut) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "6.6.6.6", kStart));
  EXPECT_TRUE(attempts.start("alice", "6.6.6.6", kStart));
  EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart));
  EXPECT_FALSE(attempts.start("bob", "6.6.6.6", kStart)) << "nor somebody else at the same address";
}

TEST(Attempts, OneAddressGuessingManyUsersIsHeldBack) {
  Attempts attempts(limits());
  for (int i = 0; i < 6; ++i)
    EXPECT_FALSE(attempts.start("user" + std::to_string(i), "6.6.6.6", kStart));
  EXPECT_EQ(attempts.start("user7", "6.6.6.6", kStart), Millis(1'000));
  EXPECT_FALSE(attempts.start("user7", "7.7.7.7", kStart));
}

// One subscriber has thousands of those that count as one address.
TEST(Attempts, OneNetworkGuessingFromManyAddressesIsHeldBack) {
  AttemptLimits many = limits();
  many.entries = 1'000;
  Attempts attempts(many);
  const auto from = [](int subnet) { return fmt::format("2001:db8:1:{:x}::1", subnet); };
  int number = 0;
  for (; number < 12; ++number)
    EXPECT_FALSE(attempts.start("user" + std::to_string(number), from(number), kStart)) << number;
  EXPECT_TRUE(attempts.start("alice", from(99), kStart)) << "the /56 had twice an address's six";
  EXPECT_FALSE(attempts.start("alice", from(0x1'00), kStart)) << "its neighbour";
  for (number = 1; number < 12; ++number)
    EXPECT_FALSE(attempts.start("user" + std::to_string(number), from(0x1'00 * number), kStart));
  EXPECT_TRUE(attempts.start("alice", from(0xff'00), kStart)) << "the /48 had four times";
  EXPECT_FALSE(attempts.start("alice", "2001:db8:2::1", kStart)) << "and others nothing";
}

TEST(Attempts, OnesOwnPasswordBetweenGuessesEndsNoWaitOfTheAddress) {
  Attempts attempts(limits());
  for (int i = 0; i < 6; ++i)
    EXPECT_FALSE(attempts.start("user" + std::to_string(i), "6.6.6.6", kStart));
  const MonoTime later = kStart + Millis(1'000);
  EXPECT_FALSE(attempts.start("mallory", "6.6.6.6", later));
  attempts.succeeded("mallory", "6.6.6.6");
  EXPECT_TRUE(attempts.start("alice", "6.6.6.6", later));
}

TEST(Attempts, SuccessForgetsThePair) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart));
  attempts.succeeded("alice", "1.1.1.1");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart)) << i;
  EXPECT_TRUE(attempts.start("alice", "1.1.1.1", kStart));
}

TEST(Attempts, SuccessGivesTheAddressOneBackOnly) {
  Attempts attempts(limits());
  for (int i = 0; i < 6; ++i)
    EXPECT_FALSE(attempts.start("user" + std::to_string(i), "6.6.6.6", kStart));
  attempts.succeeded("user5", "6.6.6.6");
  EXPECT_FALSE(attempts.start("user9", "6.6.6.6", kStart));
  EXPECT_TRUE(attempts.start("user9", "6.6.6.6", kStart));
}

TEST(Attempts, WhatWasNotLookedAtIsTakenBack) {
  Attempts attempts(limits());
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart)) << i;
    attempts.taken_back("alice", "1.1.1.1");
  }
  EXPECT_EQ(attempts.size(), 0u);
}

TEST(Attempts, AreForgottenInTime) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", kStart));
  const MonoTime later = kStart + Millis(60'000);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "1.1.1.1", later)) << i;
  EXPECT_TRUE(attempts.start("alice", "1.1.1.1", later));
}

TEST(Attempts, TableIsBoundedAndKeepsTheBusiest) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "9.9.9.9", kStart));
  for (int i = 0; i < 500; ++i) {
    EXPECT_FALSE(attempts.start("u" + std::to_string(i),
                                "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250),
                                kStart));
    EXPECT_LE(attempts.size(), 30u);
  }
  // Newest ones are still held to their count.
  EXPECT_FALSE(attempts.start("u499", "10.0.1.249", kStart));
  EXPECT_FALSE(attempts.start("u499", "10.0.1.249", kStart));
  EXPECT_TRUE(attempts.start("u499", "10.0.1.249", kStart));
}

TEST(Attempts, WhoKeepsTryingIsNotPushedOut) {
  Attempts attempts(limits());
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(attempts.start("alice", "9.9.9.9", kStart));
  for (int i = 0; i < 9; ++i)
    EXPECT_FALSE(attempts.start("u", "10.0.0." + std::to_string(i), kStart));
  EXPECT_FALSE(attempts.start("alice", "9.9.9.9", kStart)) << "the third";
  for (int i = 0; i < 9; ++i)
    EXPECT_FALSE(attempts.start("v", "10.0.1." + std::to_string(i), kStart));
  EXPECT_TRUE(attempts.start("alice", "9.9.9.9", kStart));
}

AttemptLimits distributed() {
  AttemptLimits result = limits();
  result.entries = 1'000;
  result.free_per_user = 20;
  result.free_per_pair_then = 1;
  result.first_wait_then = Millis(5'000);
  return result;
}

void guess_from_everywhere(Attempts& attempts, int times) {
  for (int i = 0; i < times; ++i)
    EXPECT_FALSE(attempts.start("alice", "10.0.0." + std::to_string(i), kStart)) << i;
}

TEST(Attempts, GuessesAtOneUserFromManyAddressesShortenEachOnesShare) {
  Attempts attempts(distributed());
  guess_from_everywhere(attempts, 20);
  EXPECT_FALSE(attempts.start("alice", "10.9.9.9", kStart)) << "the first is free";
  EXPECT_EQ(attempts.start("alice", "10.9.9.9", kStart), Millis(5'000));
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(attempts.start("bob", "10.9.9.8", kStart)) << "others are left in peace";
}

TEST(Attempts, TrueUserGetsInWhateverOthersGuess) {
  Attempts attempts(distributed());
  guess_from_everywhere(attempts, 200);
  for (int i = 0; i < 5; ++i) {
    const std::string fresh = "192.0.2." + std::to_string(i);
    EXPECT_FALSE(attempts.start("alice", fresh, kStart)) << fresh;
    attempts.succeeded("alice", fresh);
  }
}

TEST(Attempts, WhereThePasswordWasRightBeforeMistypingStaysFree) {
  Attempts attempts(distributed());
  EXPECT_FALSE(attempts.start("alice", "192.0.2.1", kStart));
  attempts.succeeded("alice", "192.0.2.1");
  guess_from_everywhere(attempts, 200);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("alice", "192.0.2.1", kStart)) << i;
  EXPECT_EQ(attempts.start("alice", "192.0.2.1", kStart), Millis(1'000));
}

TEST(Attempts, WhereThePasswordWasRightOthersAtTheAddressKeepNobodyAway) {
  Attempts attempts(limits());
  EXPECT_FALSE(attempts.start("alice", "192.0.2.1", kStart));
  attempts.succeeded("alice", "192.0.2.1");
  for (int i = 0; i < 8; ++i) attempts.start("guess-" + std::to_string(i), "192.0.2.1", kStart);
  EXPECT_TRUE(attempts.start("bob", "192.0.2.1", kStart)) << "the address waits";
  EXPECT_FALSE(attempts.start("alice", "192.0.2.1", kStart));
}

TEST(Attempts, UserAndAddressDoNotRunTogether) {
  Attempts attempts(limits());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.start("x", "1.1.1.1", kStart));
  EXPECT_FALSE(attempts.start("", "1.1.1.1x", kStart));
}

}  // namespace
}  // namespace openunison::identity
