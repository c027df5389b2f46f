// SPDX-License-Identifier: Apache-2.0
#include "cli/single_tab.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/machine.h"
#include "cli/start_program.h"
#include "net/error.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPatience{20'000};
constexpr const char* kPortal = "k8sou.example.com";
constexpr const char* kBoot = "boot-1";

TEST(BackOff, GrowsToAQuarterOfAnHour) {
  const std::int64_t seconds[] = {0, 30, 60, 120, 300, 900, 900, 900};
  for (unsigned failures = 0; failures < std::size(seconds); ++failures)
    EXPECT_EQ(back_off_after(failures), Seconds(seconds[failures])) << failures;
  EXPECT_EQ(back_off_after(4'000'000'000u), Seconds(900));
}

class SingleTabTest : public ::testing::Test {
 protected:
  SingleTab tab(const char* portal = kPortal, const char* boot = kBoot) {
    return {folder_.file("state"), portal, clock_, boot};
  }
  Result<Turn> enter(const SingleTab::Mark& mark, bool asked_for = false,
                     Millis patience = kPatience) {
    return enter(tab(), mark, asked_for, patience);
  }
  Result<Turn> enter(SingleTab single, const SingleTab::Mark& mark, bool asked_for = false,
                     Millis patience = kPatience) {
    return runtime_.block_on(single.enter(mark, asked_for, net::in(patience)));
  }
  // One that must open.
  Turn opener(bool asked_for = false) {
    auto turn = enter(tab().mark(), asked_for);
    EXPECT_TRUE(turn && turn->kind == Turn::Kind::opener);
    return std::move(*turn);
  }
  void expect_backed_off(Millis wait) {
    const auto turn = enter(tab().mark());
    ASSERT_TRUE(turn) << turn.error().message();
    EXPECT_EQ(turn->kind, Turn::Kind::backed_off);
    EXPECT_EQ(turn->wait, wait);
  }
  std::string note_file() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("state")))
      if (entry.path().extension() == ".json") return entry.path();
    return {};
  }

  TemporaryDirectory folder_;
  ManualClock clock_;
  net::Runtime runtime_{1};
};

TEST_F(SingleTabTest, TheFirstOneOpensAndTheNextWaitsForIt) {
  Turn turn = opener();
  const auto waited = enter(tab().mark(), false, Millis(30));
  ASSERT_FALSE(waited);
  EXPECT_TRUE(waited.error().is(net::Errc::timed_out));
  // A person who asks gets no second tab either.
  EXPECT_FALSE(enter(tab().mark(), true, Millis(30)));
}

TEST_F(SingleTabTest, WhoWaitedUsesWhatCameOfIt) {
  const SingleTab::Mark before = tab().mark();
  EXPECT_EQ(before, "");
  Turn turn = opener();
  const SingleTab::Mark meanwhile = tab().mark();
  turn.succeeded();
  for (const auto& mark : {before, meanwhile}) {
    const auto other = enter(mark);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->kind, Turn::Kind::signed_in);
    EXPECT_EQ(enter(mark, true)->kind, Turn::Kind::signed_in);  // asked for, and there it is
  }
}

TEST_F(SingleTabTest, WhoWaitsIsToldTheAddressOfTheOpenTabOnce) {
  const std::string address = "https://k8sou.example.com/auth?state=s&x=\"\n";
  std::vector<std::string> told;
  const auto wait = [&](Millis patience) {
    SingleTab single = tab();
    const SingleTab::Mark mark = single.mark();
    static_cast<void>(runtime_.block_on(
        single.enter(mark, true, net::in(patience),
                     [&told](const std::string& text) { told.push_back(text); })));
  };
  Turn turn = opener();
  wait(Millis(50));
  EXPECT_TRUE(told.empty());
  turn.opens(std::string(9'000, 'x'));  // no address is so long
  wait(Millis(50));
  EXPECT_TRUE(told.empty());
  turn.opens(address);
  wait(Millis(200));
  EXPECT_EQ(told, std::vector<std::string>{address});
  turn.failed();
  EXPECT_EQ(read_text(note_file()).find("k8sou"), std::string::npos);  // it isn't kept
  turn.opens(address);
  EXPECT_EQ(read_text(note_file()).find("k8sou"), std::string::npos);
}

// The session ended again: who has looked at the cache since then may open.
TEST_F(SingleTabTest, AnOldSuccessKeepsNobodyFromOpening) {
  opener().succeeded();
  opener().succeeded();
  Turn third = opener();
}

TEST_F(SingleTabTest, BackOffGrowsAndEnds) {
  for (const int seconds : {30, 60, 120, 300, 900, 900}) {
    opener().failed();
    expect_backed_off(Seconds(seconds));
    clock_.advance(Seconds(seconds) - Millis(1));
    expect_backed_off(Millis(1));
    clock_.advance(Millis(1));
  }
  opener().succeeded();
  opener().failed();
  expect_backed_off(Seconds(30));
}

TEST_F(SingleTabTest, WhoAsksForItNeedNotWaitAndClearsWhatCounted) {
  for (int i = 0; i < 3; ++i) {
    opener().failed();
    clock_.advance(back_off_after(3));
  }
  opener().failed();
  expect_backed_off(Seconds(300));
  opener(true).failed();
  expect_backed_off(Seconds(30));
}

TEST_F(SingleTabTest, OneThatSaysNothingHasFailed) {
  {
    Turn turn = opener();
  }
  expect_backed_off(Seconds(30));
  clock_.advance(Seconds(30));
  Turn first = opener();
  first = Turn(std::move(*enter(tab("other.example.com"), "")));  // the first one is let go
  expect_backed_off(Seconds(60));
}

TEST_F(SingleTabTest, TheEndCountsFromTheEnd) {
  Turn turn = opener();
  clock_.advance(Seconds(180));  // somebody thought about it, then said no
  turn.failed();
  expect_backed_off(Seconds(30));
}

TEST_F(SingleTabTest, AClockThatIsSetChangesNothing) {
  opener().failed();
  for (const auto step : {Seconds(400'000'000), Seconds(-800'000'000), Seconds(400'000'000)}) {
    clock_.step(step);
    expect_backed_off(Seconds(30));
  }
}

TEST_F(SingleTabTest, ANoteOfAnotherBootIsOver) {
  opener().failed();
  opener(true).failed();
  expect_backed_off(Seconds(30));
  auto turn = enter(tab(kPortal, "boot-2"), "");
  ASSERT_TRUE(turn);
  EXPECT_EQ(turn->kind, Turn::Kind::opener);
  turn->failed();
  const auto next = enter(tab(kPortal, "boot-2"), "");
  EXPECT_EQ(next->wait, Seconds(30));  // and the first failure of this one
}

TEST_F(SingleTabTest, BackOffLongerThanAnyIsNone) {
  clock_.advance(Seconds(1'000'000));
  opener().failed();
  ManualClock earlier;  // the same boot id, and a monotonic clock that has gone back
  SingleTab other(folder_.file("state"), kPortal, earlier, kBoot);
  EXPECT_EQ(runtime_.block_on(other.enter("", false, net::in(kPatience)))->kind,
            Turn::Kind::opener);
}

TEST_F(SingleTabTest, PortalsAreTheirOwn) {
  Turn turn = opener();
  EXPECT_EQ(enter(tab("k8sou.example.com:8443"), "")->kind, Turn::Kind::opener);
  EXPECT_FALSE(enter(tab("K8SOU.example.com"), "", false, Millis(20)));  // the same
  EXPECT_EQ(enter(tab((std::string(250, 'a') + "/../../x").c_str()), "")->kind, Turn::Kind::opener);
}

TEST_F(SingleTabTest, NotesThatAreNoneOpen) {
  opener().failed();
  const std::string file = note_file();
  const std::string good = read_text(file);
  const std::string notes[] = {
      "",
      "{",
      "[]",
      "null",
      "not JSON",
      std::string(100'000, 'x'),
      std::string("\0\xff", 2),
      R"({"state":"failed"})",
      R"({"state":"failed","turn":"x","boot":"boot-1"})",
      R"({"state":"failed","turn":"x","boot":"boot-1","failures":-1,"until_ms":1})",
      R"({"state":"failed","turn":"x","boot":"boot-1","failures":1,"until_ms":"1"})",
      R"({"state":"failed","turn":"x","boot":"boot-1","failures":1,"until_ms":9223372036854775807})",
      R"({"state":"failed","turn":1,"boot":"boot-1","failures":1,"until_ms":20000})",
      R"({"state":"later","turn":"x","boot":"boot-1","failures":1,"until_ms":20000})"};
  for (const std::string& note : notes) {
    write_text(file, note);
    Turn turn = opener();
    turn.succeeded();
  }
  write_text(file, good);
  expect_backed_off(Seconds(30));
  std::string many = good;
  many.replace(many.find("\"failures\":1"), 12, "\"failures\":99999999999");
  write_text(file, many);
  expect_backed_off(Seconds(30));
}

TEST_F(SingleTabTest, ANoteThatIsGoneOpens) {
  opener().failed();
  ::unlink(note_file().c_str());
  Turn turn = opener();
}

TEST_F(SingleTabTest, FilesAreTheUsersAlone) {
  opener().succeeded();
  struct stat status{};
  ASSERT_EQ(::stat(folder_.file("state").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("state"))) {
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 2);
}

TEST_F(SingleTabTest, AFolderThatCannotBeUsedOpensNothing) {
  write_text(folder_.file("state"), "a file is in the way");
  auto turn = enter("");
  ASSERT_FALSE(turn);
  EXPECT_TRUE(turn.error().is(net::Errc::io));
  EXPECT_THAT(turn.error().message(), HasSubstr("state"));
}

TEST_F(SingleTabTest, ALinkInPlaceOfTheLockIsNotFollowed) {
  opener().succeeded();
  const std::string elsewhere = folder_.file("elsewhere");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("state"))) {
    const std::string name = entry.path();
    if (!name.ends_with(".lock")) continue;
    ::unlink(name.c_str());
    ASSERT_EQ(::symlink(elsewhere.c_str(), name.c_str()), 0);
  }
  EXPECT_FALSE(enter(""));
  EXPECT_NE(::access(elsewhere.c_str(), F_OK), 0);
}

TEST_F(SingleTabTest, ABrowserThatWasStartedDoesNotKeepTheLock) {
  Turn turn = opener();
  ASSERT_TRUE(StartedProgram::start({"/bin/sleep", "2"}));
  turn.succeeded();
  EXPECT_TRUE(enter(tab().mark(), false, Millis(0)));
}

TEST(FileLock, IsOneAtATimeAndEndsWithItsOwner) {
  const TemporaryDirectory folder;
  const std::string file = folder.file("lock");
  {
    const auto lock = FileLock::try_take(file);
    ASSERT_TRUE(lock && *lock);
    const auto second = FileLock::try_take(file);
    ASSERT_TRUE(second);
    EXPECT_FALSE(*second);
  }
  const auto third = FileLock::try_take(file);
  EXPECT_TRUE(third && *third);
  EXPECT_FALSE(FileLock::try_take(folder.file("no-such-folder/lock")));
}

TEST(BootId, IsTheSameTwice) {
  EXPECT_FALSE(boot_id().empty());
  EXPECT_EQ(boot_id(), boot_id());
}

// --- processes ---

enum class End { succeeds, fails, is_killed };

// What a process of many does; its result is one letter.
Task<char> one_of_many(std::string folder, End end, int told) {
  const SystemClock clock;
  SingleTab tab(std::move(folder), kPortal, clock);
  const SingleTab::Mark mark = tab.mark();
  // All have looked at the cache, which has nothing, before the first one gets its turn.
  char ready = 0;
  if (::write(told, "r", 1) != 1 || ::read(STDIN_FILENO, &ready, 1) != 1) co_return '?';
  auto turn = co_await tab.enter(mark, false, net::in(kPatience));
  if (!turn) co_return 'e';
  if (turn->kind == Turn::Kind::signed_in) co_return 's';
  if (turn->kind == Turn::Kind::backed_off) co_return 'b';
  if (::write(told, "o", 1) != 1) co_return '?';
  co_await net::sleep_until(net::in(Millis(200)));
  if (end == End::is_killed) ::kill(::getpid(), SIGKILL);
  end == End::succeeds ? turn->succeeded() : turn->failed();
  co_return 'd';
}

// The letters of so many processes that all want to sign in at the same moment, sorted.
std::string crowd(int count, const std::string& folder, End end) {
  int from[2], to[2];
  if (::pipe(from) != 0 || ::pipe(to) != 0) return "no pipes";
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    ::dup2(to[0], STDIN_FILENO);
    ::close(to[1]);
    net::Runtime runtime(1);
    const char letter = runtime.block_on(one_of_many(folder, end, from[1]));
    ::_exit(::write(from[1], &letter, 1) == 1 ? 0 : 1);
  }
  ::close(from[1]);
  char letter = 0;
  for (int i = 0; i < count; ++i) EXPECT_EQ(::read(from[0], &letter, 1), 1);
  const std::string go(static_cast<std::size_t>(count), 'g');
  EXPECT_EQ(::write(to[1], go.data(), go.size()), count);
  std::string letters;
  while (::read(from[0], &letter, 1) == 1) letters += letter;
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  for (const int end_of_pipe : {from[0], to[0], to[1]}) ::close(end_of_pipe);
  std::sort(letters.begin(), letters.end());
  return letters;
}

TEST(Processes, OfTwentyOneOpensAndTheOthersUseItsSession) {
  const TemporaryDirectory folder;
  EXPECT_EQ(crowd(20, folder.file("state"), End::succeeds), "do" + std::string(19, 's'));
}

TEST(Processes, OfTwentyOneOpensAndAfterARefusalNoneDoes) {
  const TemporaryDirectory folder;
  EXPECT_EQ(crowd(20, folder.file("state"), End::fails), std::string(19, 'b') + "do");
  EXPECT_EQ(crowd(20, folder.file("state"), End::fails), std::string(20, 'b'));
}

TEST(Processes, WhenTheOpenerIsKilledNoneOpensASecondTabAtOnce) {
  const TemporaryDirectory folder;
  EXPECT_EQ(crowd(20, folder.file("state"), End::is_killed), std::string(19, 'b') + "o");
}

// Nobody waited; whoever comes when the first back-off is over may open at once.
TEST_F(SingleTabTest, AnOpenerThatWasKilledLongAgoKeepsNobodyAway) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer ends a forked child that starts threads, before it opens";
#endif
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    net::Runtime runtime(1);
    auto turn = runtime.block_on(tab().enter("", false, net::in(kPatience)));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  expect_backed_off(Seconds(30));
  clock_.advance(Seconds(30));
  opener().failed();
  expect_backed_off(Seconds(60));  // the killed one counted
}

}  // namespace
}  // namespace openunison::cli
