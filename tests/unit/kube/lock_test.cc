// SPDX-License-Identifier: Apache-2.0
#include "kube/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "kube_testing.h"

namespace openunison::kube {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;

struct Told {
  std::vector<std::string> sentences;
  WriteOptions options(milliseconds patience, milliseconds stale_after = milliseconds(60'000)) {
    return {patience, stale_after,
            [this](std::string_view sentence) { sentences.emplace_back(sentence); }};
  }
};

std::string content(long id, const std::string& host, const std::string& world,
                    const std::string& began) {
  return "openunison-lock-1 " + std::to_string(id) + " " + host + " " + world + " " + began + "\n";
}

std::string content(const system::Process& process) {
  return content(process.id, process.host, process.world, process.began);
}

// As client-go makes it.
void make_empty(const std::string& lock, std::chrono::seconds age = {}) {
  ::close(::open(lock.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0));
  fs::last_write_time(lock, fs::file_time_type::clock::now() - age);
}

TEST(Lock, IsAFileBesideThatSaysWhose) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  {
    const auto lock = Lock::take({a, b}, {});
    ASSERT_TRUE(lock);
    EXPECT_EQ(read_text(a + ".lock"), content(system::this_process()));
    EXPECT_TRUE(fs::exists(b + ".lock"));
    // kubectl sees it.
    EXPECT_EQ(::open((a + ".lock").c_str(), O_CREAT | O_EXCL, 0), -1);
  }
  EXPECT_FALSE(fs::exists(a + ".lock") || fs::exists(b + ".lock"));
}

TEST(Lock, GivesUpWhenPatienceEnds) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock";
  make_empty(lock);
  Told told;
  const auto begun = Clock::now();
  const auto refused = Lock::take({file}, told.options(milliseconds(400)));
  ASSERT_FALSE(refused);
  EXPECT_GE(Clock::now() - begun, milliseconds(400));
  EXPECT_TRUE(refused.error().is(Errc::locked));
  EXPECT_EQ(refused.error().message(),
            lock + " is there for 0 s, made by kubectl or the like; if none is running, remove it");
  EXPECT_THAT(told.sentences, ElementsAre("waiting: " + refused.error().message()));
  EXPECT_TRUE(fs::exists(lock));
}

TEST(Lock, WaitsForWhoHoldsIt) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  make_empty(file + ".lock");
  const pid_t holder = start([&] {
    ::usleep(100'000);
    return fs::remove(file + ".lock") ? 0 : 1;
  });
  Told told;
  EXPECT_TRUE(Lock::take({file}, told.options(milliseconds(10'000))));
  EXPECT_EQ(wait_for(holder), 0);
  EXPECT_THAT(told.sentences, IsEmpty());
}

TEST(Lock, HoldsNoneWhileItWaitsForOne) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  make_empty(b + ".lock");
  EXPECT_FALSE(Lock::take({a, b}, {.patience = milliseconds(0)}));
  EXPECT_FALSE(fs::exists(a + ".lock"));
  EXPECT_TRUE(fs::exists(b + ".lock"));
}

// Several with the same files in another order never wait for each other.
TEST(Lock, OfSeveralFilesNoCircle) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  std::vector<pid_t> children;
  for (const auto& files : {std::vector{a, b}, std::vector{b, a}}) {
    children.push_back(start([&] {
      for (int i = 0; i < 50; ++i) {
        if (!Lock::take(files, {})) return 1;
      }
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
}

struct Rule {
  std::string name;
  std::string content;
  std::chrono::seconds age;
  bool left_behind;
  std::string says;  // behind "FILE.lock "
};

std::vector<Rule> rules() {
  const system::Process here = system::this_process();
  // A process that has ended.
  const pid_t ended = start([] { return 0; });
  wait_for(ended);
  const std::string gone = std::to_string(ended), alive = std::to_string(here.id);
  using std::chrono::seconds;
  return {
      {"EmptyAndYoung", "", seconds(30), false,
       "is there for 3[0-9] s, made by kubectl or the like; if none is running, remove it"},
      {"EmptyAndOld", "", seconds(61), true,
       "is [0-9]+ s old, and nobody holds a lock for so long"},
      {"EmptyAndFromTheFuture", "", seconds(-3600), false,
       "is there for 0 s, made by kubectl or the like; if none is running, remove it"},
      {"OfAnotherProgram", "12345\n", seconds(61), true,
       "is [0-9]+ s old, and nobody holds a lock for so long"},
      {"OfAnotherProgramAndYoung", "12345\n", seconds(1), false,
       "is there for [1-9] s, made by kubectl or the like; if none is running, remove it"},
      {"CutOff", content(ended, here.host, here.world, here.began).substr(0, 25), seconds(1), false,
       "is there for [1-9] s, made by kubectl or the like; if none is running, remove it"},
      {"OwnerEnded", content(ended, here.host, here.world, here.began), seconds(0), true,
       "was left behind by process " + gone + ", which has ended"},
      {"AnotherProcessOfTheNumber", content(here.id, here.host, here.world, "boot/1"), seconds(0),
       true, "was left behind by process " + alive + ", which has ended"},
      {"OwnerLives", content(here), seconds(7200), false,
       "is held by process " + alive + " \\(for 72[0-9]+ s\\); let that finish, or end it"},
      {"AnotherHost", content(ended, "other-host", here.world, here.began), seconds(7200), false,
       "is held by process " + gone + " on other-host; if that has ended, remove it"},
      {"AnotherProcessSpaceYoung", content(ended, here.host, "pid:[1]", here.began), seconds(1),
       false, "is there for [1-9] s, made by kubectl or the like; if none is running, remove it"},
      {"AnotherProcessSpaceOld", content(ended, here.host, "pid:[1]", here.began), seconds(61),
       true, "is [0-9]+ s old, and nobody holds a lock for so long"},
      {"NoSuchProcess", content(0, here.host, here.world, here.began), seconds(1), true,
       "was left behind by process 0, which has ended"},
  };
}

class LeftBehind : public testing::TestWithParam<Rule> {};

TEST_P(LeftBehind, IsDecidedByOwnerAndAge) {
  const Rule& rule = GetParam();
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock";
  write_text(lock, rule.content);
  fs::last_write_time(lock, fs::file_time_type::clock::now() - rule.age);
  Told told;
  const auto taken = Lock::take({file}, told.options(milliseconds(rule.left_behind ? 5'000 : 50)));
  if (rule.left_behind) {
    ASSERT_TRUE(taken) << taken.error().message();
    ASSERT_FALSE(told.sentences.empty());
    EXPECT_THAT(told.sentences.back(),
                testing::MatchesRegex(lock + " " + rule.says + "; it was taken over"));
    EXPECT_EQ(read_text(lock), content(system::this_process()));
  } else {
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error().message(), testing::MatchesRegex(lock + " " + rule.says));
    EXPECT_EQ(read_text(lock), rule.content);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, LeftBehind, testing::ValuesIn(rules()),
                         [](const auto& parameter) { return parameter.param.name; });

// A machine that wakes up finds a lock that looks old, and whose owner goes on with it.
TEST(Lock, AnOldOneIsWatchedForASecondFirst) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock";
  make_empty(lock, std::chrono::seconds(3600));
  const auto refused = Lock::take({file}, {.patience = milliseconds(500)});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(fs::exists(lock));
  // Made anew all the time it is never old, nor the same for a second.
  const pid_t others = start([&] {
    for (int i = 0; i < 20; ++i) {
      fs::remove(lock);
      make_empty(lock, std::chrono::seconds(3600));
      ::usleep(100'000);
    }
    return 0;
  });
  EXPECT_FALSE(Lock::take({file}, {.patience = milliseconds(1'500)}));
  EXPECT_EQ(wait_for(others), 0);
}

TEST(Lock, WhatIsNoFileIsNotRemoved) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock";
  fs::create_directory(lock);
  const WriteOptions at_once{milliseconds(0), milliseconds(0), {}};
  const auto refused = Lock::take({file}, at_once);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), lock + " is no file that a program would make as a lock");
  fs::remove(lock);
  fs::create_symlink(directory.file("elsewhere"), lock);
  EXPECT_FALSE(Lock::take({file}, at_once));
  EXPECT_TRUE(fs::is_symlink(lock));
  EXPECT_FALSE(fs::exists(directory.file("elsewhere")));
}

// Of a lock that somebody removed by hand, and another made anew, the second owner keeps it.
TEST(Lock, RemovesOnlyItsOwn) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock";
  {
    const auto taken = Lock::take({file}, {});
    ASSERT_TRUE(taken);
    write_text(directory.file("keeps the number of the file in use"), "");
    fs::rename(lock, directory.file("moved"));
    make_empty(lock);
  }
  EXPECT_TRUE(fs::exists(lock));
}

// Many find the same lock left behind: one at a time has it.
TEST(Lock, TakenOverByOneAtATime) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), lock = file + ".lock",
                    inside = directory.file("inside");
  const pid_t ended = start([] { return 0; });
  wait_for(ended);
  system::Process gone = system::this_process();
  gone.id = ended;
  for (int round = 0; round < 20; ++round) {
    write_text(lock, content(gone));
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(start([&] {
        for (int turn = 0; turn < 5; ++turn) {
          const auto taken = Lock::take({file}, {});
          if (!taken) return 1;
          const int mine = ::open(inside.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
          if (mine < 0) return 2;
          ::close(mine);
          std::this_thread::yield();
          ::unlink(inside.c_str());
          // Leaves it behind as one that was killed does.
          if (turn == 2) {
            const pid_t killed = start([&] {
              write_text(lock, content(gone));
              return 0;
            });
            wait_for(killed);
          }
        }
        return 0;
      }));
    }
    for (const pid_t child : children) ASSERT_EQ(wait_for(child), 0) << "round " << round;
    fs::remove(lock);
  }
}

TEST(Apply, OfManyWritersEveryChangeIsIn) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("config");
  fs::copy_file(kData + "/good/comments.yaml", file);
  std::vector<pid_t> children;
  for (int writer = 0; writer < 4; ++writer) {
    children.push_back(start([&] {
      for (int i = 0; i < 15; ++i) {
        if (!apply(only(file), sign_in("w" + std::to_string(writer) + "-" + std::to_string(i)),
                   {.patience = milliseconds(60'000)}))
          return 1;
      }
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  const Kubeconfig config = must_read(only(file));
  for (int writer = 0; writer < 4; ++writer) {
    for (int i = 0; i < 15; ++i) {
      const std::string name = "w" + std::to_string(writer) + "-" + std::to_string(i);
      EXPECT_TRUE(config.cluster(name) && config.user("ada@" + name) && config.context(name))
          << name;
    }
  }
  EXPECT_EQ(config.clusters.size(), 3 + 60);
  EXPECT_THAT(read_text(file), HasSubstr("# behind the load balancer"));
}

// What another wrote between our first look and our lock isn't lost.
TEST(Apply, ReadsAgainUnderTheLock) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("config");
  write_text(file, "users: []\n");
  make_empty(file + ".lock");
  const pid_t other = start([&] {
    ::usleep(100'000);
    write_text(file, "users:\n- name: theirs\n");
    return fs::remove(file + ".lock") ? 0 : 1;
  });
  must_apply(only(file), sign_in());
  EXPECT_EQ(wait_for(other), 0);
  const Kubeconfig config = must_read(only(file));
  EXPECT_TRUE(config.user("theirs") && config.user("ada@new"));
}

}  // namespace
}  // namespace openunison::kube
