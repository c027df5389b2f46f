// SPDX-License-Identifier: Apache-2.0
#include "store/touches.h"

#include <gtest/gtest.h>

#include "crypto/random.h"

namespace openunison::store {
namespace {

const WallTime kNow = from_unix_seconds(1'700'000'000);

class TouchesTest : public testing::Test {
 protected:
  WallTime used() const {
    Session session;
    session.id = id_;
    touches_.apply(session);
    return session.last_used_at;
  }

  crypto::SeededRandom random_{7};
  const SessionId id_ = random_.id<SessionTag>();
  Touches touches_;
};

// The epoch sends reads back to the start: it must stand still when nothing was forgotten, or
// commits that come faster than a read would keep it going for good.
TEST_F(TouchesTest, ACommitWithoutUsesLeavesTheEpoch) {
  const auto before = touches_.epoch();
  touches_.written({});
  EXPECT_EQ(touches_.epoch(), before);
  touches_.note(id_, kNow);
  touches_.written(touches_.pending());
  EXPECT_NE(touches_.epoch(), before);
  EXPECT_TRUE(touches_.empty());
}

TEST_F(TouchesTest, NothingIsForgottenWhileHeld) {
  touches_.note(id_, kNow);
  const auto before = touches_.epoch();
  {
    const Touches::Hold hold(touches_);
    touches_.written(touches_.pending());
    EXPECT_EQ(touches_.epoch(), before);
    EXPECT_EQ(used(), kNow);
  }
  touches_.written(touches_.pending());
  EXPECT_NE(touches_.epoch(), before);
  EXPECT_EQ(used(), WallTime{});
}

TEST_F(TouchesTest, AUseThatCameSinceStaysNoted) {
  touches_.note(id_, kNow);
  const auto pending = touches_.pending();
  touches_.note(id_, kNow + Seconds(1));
  touches_.written(pending);
  EXPECT_EQ(used(), kNow + Seconds(1));
}

}  // namespace
}  // namespace openunison::store
