// SPDX-License-Identifier: Apache-2.0
#include "cli/no_dumps.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace openunison::cli {
namespace {

TEST(NoDumps, TheLimitIsZeroAndMayBeRaisedAgainByWhatIsStarted) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &before), 0);
  if (before.rlim_max == 0) GTEST_SKIP() << "none may be made here anyhow";
  const rlimit wanted{before.rlim_max, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, &wanted), 0);
  EXPECT_TRUE(forbid_dumps());
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &after), 0);
  EXPECT_EQ(after.rlim_cur, 0u);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  ::setrlimit(RLIMIT_CORE, &before);
}

}  // namespace
}  // namespace openunison::cli
