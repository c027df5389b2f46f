// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "temporary_directory.h"

namespace openunison {
namespace {

namespace fs = std::filesystem;

TEST(ReplaceFile, MakesAndReplacesWithModeOfTheOwnerOnly) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  ASSERT_TRUE(replace_file(file, "first"));
  EXPECT_EQ(read_text(file), "first");
  fs::permissions(file, fs::perms::all);
  ASSERT_TRUE(replace_file(file, ""));
  EXPECT_EQ(read_text(file), "");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(file + ".new"));
}

TEST(ReplaceFile, WhoHasItOpenKeepsTheFormerContent) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  ASSERT_TRUE(replace_file(file, "first"));
  std::ifstream reader(file);
  ASSERT_TRUE(replace_file(file, "second"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader), {}), "first");
  EXPECT_EQ(read_text(file), "second");
}

// What a crash left, or somebody put there to have us write elsewhere.
TEST(ReplaceFile, ALeftoverIsNotWrittenInto) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), other = directory.file("other");
  write_text(other, "untouched");
  fs::create_symlink(other, file + ".new");
  ASSERT_TRUE(replace_file(file, "mine"));
  EXPECT_EQ(read_text(file), "mine");
  EXPECT_EQ(read_text(other), "untouched");
}

TEST(ReplaceFile, ALinkIsReplacedItself) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"), other = directory.file("other");
  write_text(other, "untouched");
  fs::create_symlink(other, file);
  ASSERT_TRUE(replace_file(file, "mine"));
  EXPECT_FALSE(fs::is_symlink(file));
  EXPECT_EQ(read_text(other), "untouched");
}

TEST(ReplaceFile, AFailureKeepsTheFormerContentAndSaysWhatFailed) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  ASSERT_TRUE(replace_file(file, "first"));
  fs::create_directory(file + ".new");
  const auto blocked = replace_file(file, "second");
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().cause, EEXIST);
  EXPECT_EQ(blocked.error().text(), file + ".new can't be made: File exists");
  EXPECT_EQ(read_text(file), "first");

  const std::string nowhere = directory.file("missing/a");
  const auto missing = replace_file(nowhere, "x");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(), nowhere + ".new can't be made: No such file or directory");

  fs::create_directory(directory.file("folder"));
  const auto folder = replace_file(directory.file("folder"), "x");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().text(), directory.file("folder") + " can't be replaced: Is a directory");
  EXPECT_FALSE(fs::exists(directory.file("folder.new")));
}

// `openunison keys` as root, for a server that runs as somebody else.
TEST(ReplaceFile, TheOwnerStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  ASSERT_TRUE(replace_file(file, "first"));
  ASSERT_EQ(::chown(file.c_str(), 65'534, 65'534), 0);
  ASSERT_TRUE(replace_file(file, "second"));
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65'534u);
  EXPECT_EQ(read_text(file), "second");
}

TEST(ReplaceFile, ANewFileBelongsToTheOwnerOfItsFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const TemporaryDirectory directory;
  ASSERT_EQ(::chown(directory.path().c_str(), 65'534, 65'534), 0);
  const std::string file = directory.file("a");
  ASSERT_TRUE(replace_file(file, "first"));
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65'534u);
}

// A backup that root put back, in a folder of the server's: it must be able to go on.
TEST(ReplaceFile, WhoIsNotRootReplacesAnothersFileByOneOfTheirOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else for a while";
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  write_text(file, "of root");
  ASSERT_EQ(::chown(directory.path().c_str(), 65'534, 65'534), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool other = ::setgid(65'534) == 0 && ::setuid(65'534) == 0;
    ::_exit(other && replace_file(file, "mine") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_text(file), "mine");
}

// Root in a container often can't give files away.
class WithoutChown {
 public:
  WithoutChown() {
    CHECK(::syscall(SYS_capget, &header_, data_) == 0);
    former_ = data_[0].effective;
    set(former_ & ~(1u << CAP_CHOWN));
  }
  ~WithoutChown() { set(former_); }

 private:
  void set(std::uint32_t effective) {
    data_[0].effective = effective;
    CHECK(::syscall(SYS_capset, &header_, data_) == 0);
  }
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data_[2]{};
  std::uint32_t former_ = 0;
};

TEST(ReplaceFile, WithoutTheRightToGiveFilesAwayNobodyIsLockedOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has that right";
  const TemporaryDirectory directory;
  const std::string ours = directory.file("ours"), theirs = directory.file("theirs");
  write_text(ours, "former");
  write_text(theirs, "former");
  ASSERT_EQ(::chown(ours.c_str(), 0, 1234), 0);
  ASSERT_EQ(::chown(theirs.c_str(), 1234, 1234), 0);
  {
    const WithoutChown without;
    EXPECT_TRUE(replace_file(ours, "new")) << "only its group can't be given, which has no access";
    const auto refused = replace_file(theirs, "new");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().cause, EPERM);
    EXPECT_EQ(refused.error().text(),
              theirs + " can't be given to its owner: Operation not permitted");
    EXPECT_EQ(read_text(theirs), "former");
    EXPECT_FALSE(fs::exists(theirs + ".new"));
    EXPECT_TRUE(replace_file(theirs, "new", {.for_us_alone = true}));
  }
  EXPECT_EQ(read_text(ours), "new");
  EXPECT_EQ(read_text(theirs), "new");
  struct stat facts{};
  ASSERT_EQ(::stat(theirs.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, 0u);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace openunison
