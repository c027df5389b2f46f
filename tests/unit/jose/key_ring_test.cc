// SPDX-License-Identifier: Apache-2.0
#include "jose/key_ring.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace openunison::jose {
namespace {

class KeyRingTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("key-ring-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    policy_.algorithm = crypto::Algorithm::es256;  // quick to make
    policy_.publish_ahead = Seconds(3600);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static crypto::MasterKey master() {
    return *crypto::MasterKey::create(Secret("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="));
  }
  std::unique_ptr<KeyRing> open() {
    auto ring = KeyRing::open(file(), master_, policy_, random_, clock_);
    EXPECT_TRUE(ring) << ring.error().message();
    return std::move(*ring);
  }
  std::string file() const { return folder_ / "keys.sealed"; }
  std::string content() const {
    std::ifstream in(file(), std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  static std::vector<std::string> kids(const KeyRing& ring, KeyState state) {
    std::vector<std::string> found;
    for (const KeyInfo& key : ring.list()) {
      if (key.state == state) found.push_back(key.kid);
    }
    return found;
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  crypto::SystemRandom random_;
  crypto::MasterKey master_ = master();
  KeyPolicy policy_;
};

TEST_F(KeyRingTest, FirstKeySignsAtOnceAndSurvivesARestart) {
  const auto ring = open();
  const std::string kid = ring->snapshot()->signer->kid();
  EXPECT_EQ(kids(*ring, KeyState::active), std::vector{kid});
  EXPECT_EQ(open()->snapshot()->signer->kid(), kid);
  EXPECT_EQ(content().find("PRIVATE"), std::string::npos);
  EXPECT_EQ(std::filesystem::status(file()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(KeyRingTest, AStepOfTheClockHasNoKeySignBeforeItIsKnown) {
  policy_.publish_ahead = Seconds(86'400);
  auto ring = open();
  const std::string first = ring->snapshot()->signer->kid();
  const KeyInfo second = *ring->rotate();
  clock_.step(Seconds(86'400));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), first) << "no API server has read the new one yet";
  clock_.advance(2 * policy_.jwks_max_age + Seconds(59));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), first);
  clock_.advance(Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), second.kid) << "now each has had time to";

  const Seconds lingers = policy_.token_life + policy_.jwks_max_age + Seconds(60);
  clock_.step(Seconds(86'400));
  clock_.advance(lingers - Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_TRUE(ring->snapshot()->published.has_kid(first)) << "its last tokens still count";
  clock_.advance(Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_FALSE(ring->snapshot()->published.has_kid(first));
}

TEST_F(KeyRingTest, AStepBackDelaysAKeyAndLosesNone) {
  auto ring = open();
  const KeyInfo second = *ring->rotate();
  clock_.step(-Seconds(86'400));
  clock_.advance(policy_.publish_ahead);
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(kids(*ring, KeyState::pending), std::vector{second.kid});
  EXPECT_EQ(kids(*ring, KeyState::active).size(), 1u);
  clock_.step(Seconds(86'400));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), second.kid);
}

TEST_F(KeyRingTest, ANewKeyIsPublishedLongBeforeItSignsAndTheOldOneStays) {
  auto ring = open();
  const std::string first = ring->snapshot()->signer->kid();
  const KeyInfo second = *ring->rotate();
  EXPECT_EQ(second.state, KeyState::pending);
  EXPECT_TRUE(ring->snapshot()->published.has_kid(second.kid));
  EXPECT_EQ(ring->rotate()->kid, second.kid) << "a pending key is not doubled";

  clock_.advance(Seconds(3599));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), first);
  clock_.advance(Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(ring->snapshot()->signer->kid(), second.kid);
  EXPECT_TRUE(ring->snapshot()->published.has_kid(first)) << "its tokens are still out there";

  const Seconds linger = policy_.token_life + policy_.jwks_max_age + Seconds(60);
  clock_.advance(linger - Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_TRUE(ring->snapshot()->published.has_kid(first));
  clock_.advance(Seconds(1));
  ASSERT_TRUE(ring->tick());
  EXPECT_FALSE(ring->snapshot()->published.has_kid(first));
}

TEST_F(KeyRingTest, ARestartAfterTheTimeMovesTheKeysAlong) {
  const std::string second = open()->rotate()->kid;
  clock_.advance(Seconds(4000));
  EXPECT_EQ(open()->snapshot()->signer->kid(), second);
}

TEST_F(KeyRingTest, ALeakedKeyLeavesAtOnce) {
  auto ring = open();
  const std::string first = ring->snapshot()->signer->kid();
  ASSERT_TRUE(ring->retire(first));
  EXPECT_NE(ring->snapshot()->signer->kid(), first);
  EXPECT_FALSE(ring->snapshot()->published.has_kid(first));
  const auto unknown = ring->retire(first);
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(Errc::unknown_key));
}

TEST_F(KeyRingTest, RotatesByItselfWhereToldTo) {
  policy_.rotate_every = std::chrono::days(1);
  auto ring = open();
  const std::string first = ring->snapshot()->signer->kid();
  clock_.advance(Seconds(86'400 - 3600));
  ASSERT_TRUE(ring->tick());
  EXPECT_EQ(kids(*ring, KeyState::pending).size(), 1u);
  clock_.advance(Seconds(3600));
  ASSERT_TRUE(ring->tick());
  EXPECT_NE(ring->snapshot()->signer->kid(), first);
}

TEST_F(KeyRingTest, AFileThatDoesNotOpenIsNeverOverwritten) {
  open();
  const std::string before = content();
  const auto other =
      *crypto::MasterKey::create(Secret("b3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob28="));
  const auto refused = KeyRing::open(file(), other, policy_, random_, clock_);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::keys_unavailable));
  EXPECT_EQ(content(), before);
  std::ofstream(file()) << "garbage";
  ASSERT_FALSE(KeyRing::open(file(), master_, policy_, random_, clock_));
  EXPECT_EQ(content(), "garbage");
}

TEST_F(KeyRingTest, WhatCannotBeWrittenDoesNotShow) {
  auto ring = open();
  const auto before = ring->list().size();
  std::filesystem::remove_all(folder_);
  EXPECT_FALSE(ring->rotate());
  EXPECT_EQ(ring->list().size(), before);
}

TEST_F(KeyRingTest, ImportPublishesAGivenKeyWithItsKid) {
  auto ring = open();
  const auto imported =
      ring->import(*crypto::PrivateKey::generate(crypto::Algorithm::es256), "mine");
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->kid, "mine");
  EXPECT_EQ(imported->algorithm, crypto::Algorithm::es256);
  EXPECT_EQ(kids(*ring, KeyState::pending), std::vector<std::string>{"mine"});
  EXPECT_FALSE(ring->import(*crypto::PrivateKey::generate(crypto::Algorithm::es256),
                            ring->snapshot()->signer->kid()));
}

TEST_F(KeyRingTest, ImportRefusesAKeyThatIsNotForTheAlgorithm) {
  auto ring = open();
  ASSERT_TRUE(ring->rotate());
  const auto before = kids(*ring, KeyState::pending);
  const auto refused =
      ring->import(*crypto::PrivateKey::generate(crypto::Algorithm::rs256), "mine");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("no key for ES256"), std::string::npos);
  EXPECT_EQ(kids(*ring, KeyState::pending), before);
}

TEST_F(KeyRingTest, AFixedKeyCannotBeChanged) {
  const auto ring = *KeyRing::fixed(*crypto::PrivateKey::generate(crypto::Algorithm::es256),
                                    "fixed", policy_, clock_);
  EXPECT_EQ(ring->snapshot()->signer->kid(), "fixed");
  EXPECT_FALSE(ring->rotate());
  EXPECT_FALSE(ring->retire("fixed"));
}

TEST_F(KeyRingTest, SnapshotsAreWholeWhileKeysRotate) {
  auto ring = open();
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const auto snapshot = ring->snapshot();
      EXPECT_TRUE(snapshot->published.has_kid(snapshot->signer->kid()));
    }
  });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ring->rotate(true));
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace openunison::jose
