// SPDX-License-Identifier: Apache-2.0
#include "cli/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace openunison::cli {
namespace {

using Kind = ProgramResult::Kind;

TEST(RunProgram, GivesWhatItSaidAndHowItEnded) {
  const auto result =
      run_program({.command = {"sh", "-c", "cat; echo bad >&2; exit 3"}, .input = "told"});
  EXPECT_EQ(result.kind, Kind::ended);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "told");
  EXPECT_EQ(result.errors, "bad\n");
  EXPECT_FALSE(result.succeeded());
  EXPECT_EQ(run_program({.command = {"sh", "-c", "kill -9 $$"}}).status, 128 + 9);
  EXPECT_TRUE(run_program({.command = {"true"}}).succeeded());
}

TEST(RunProgram, ThereMayBeNone) {
  EXPECT_EQ(run_program({.command = {"no-such-program-at-all"}}).kind, Kind::missing);
}

TEST(RunProgram, OneThatHangsIsKilledAndSaidToBeSlow) {
  int slow = 0;
  const auto result =
      run_program({.command = {"sleep", "60"}, .patience = Millis(1'300), .slow = [&] { ++slow; }});
  EXPECT_EQ(result.kind, Kind::too_slow);
  EXPECT_EQ(slow, 1);
  // One that says nothing more and doesn't end.
  EXPECT_EQ(
      run_program({.command = {"sh", "-c", "exec >&- 2>&-; sleep 60"}, .patience = Millis(200)})
          .kind,
      Kind::too_slow);
}

TEST(RunProgram, OneThatReadsNothingEndsNothing) {
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(run_program({.command = {"true"}, .input = std::string(4'096, 'x')}).succeeded());
}

TEST(RunProgram, KeepsABoundedPartOfWhatItSays) {
  const auto result = run_program({.command = {"sh", "-c", "head -c 1000000 /dev/zero; exit 0"}});
  EXPECT_TRUE(result.succeeded());
  EXPECT_EQ(result.out.size(), 64u * 1024u);
}

TEST(RunProgram, ItGetsTheVariablesAndNothingOfOursThatIsOpen) {
  ASSERT_EQ(::setenv("OPENUNISON_TEST_VARIABLE", "ours", 1), 0);
  const int open = ::open("/dev/null", O_RDONLY);  // not closed by exec
  ASSERT_GE(open, 0);
  const auto result =
      run_program({.command = {"sh", "-c",
                               "echo $OPENUNISON_TEST_VARIABLE; test -e /proc/self/fd/" +
                                   std::to_string(open) + " && echo leaked; exit 0"},
                   .variables = {{"OPENUNISON_TEST_VARIABLE", "theirs"}}});
  ::close(open);
  ::unsetenv("OPENUNISON_TEST_VARIABLE");
  EXPECT_EQ(result.out, "theirs\n");
}

}  // namespace
}  // namespace openunison::cli
