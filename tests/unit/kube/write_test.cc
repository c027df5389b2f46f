// SPDX-License-Identifier: Apache-2.0
//
// What a file system can do to a change, and what a change must not do to a file.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <random>

#include "kube_testing.h"

namespace openunison::kube {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

TEST(Writing, KeepsTheModeOfTheFile) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  for (const mode_t mode : {0600u, 0640u, 0644u, 0660u}) {
    write_text(file, "# " + std::to_string(mode) + "\n");
    ::chmod(file.c_str(), mode);
    must_apply(only(file), sign_in());
    struct stat status{};
    ::stat(file.c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777, mode);
  }
}

TEST(Writing, AFileThatGetsARefreshTokenIsForItsOwnerAlone) {
  const TemporaryDirectory directory;
  Change change;
  AuthProviderUser user;
  user.name = "ada@new";
  user.issuer_url = "https://k8sou.example.com/auth/idp/k8sIdp";
  user.client_id = "kubernetes";
  user.refresh_token = Secret("refresh");
  change.auth_provider_users.push_back(user);
  std::vector<std::string> said;
  WriteOptions options;
  options.say = [&](std::string_view line) { said.emplace_back(line); };
  const auto mode_of = [](const std::string& path) {
    struct stat status{};
    ::stat(path.c_str(), &status);
    return status.st_mode & 07777;
  };
  for (const mode_t mode : {0600u, 0640u, 0644u, 0660u, 0755u}) {
    SCOPED_TRACE(mode);
    const std::string file = directory.file("config-" + std::to_string(mode));
    const std::string first = directory.file("first-" + std::to_string(mode));
    write_text(first, "contexts: [{name: new, context: {cluster: x, user: x}}]\n");
    write_text(file, "users: [{name: ada@new, user: {}}]\n");
    ::chmod(first.c_str(), 0644);
    ::chmod(file.c_str(), mode);
    said.clear();
    change.current_context = "new";
    must_apply(Files{{first, file}, false}, change, options);
    EXPECT_EQ(mode_of(file), 0600u);
    EXPECT_EQ(mode_of(first), 0644u) << "no token is in it";
    if (mode == 0600) {
      EXPECT_THAT(said, IsEmpty());
    } else {
      EXPECT_THAT(said, ElementsAre(HasSubstr(file + " was open to other users")));
    }
    // Who opens it again wants that: an entry without a secret doesn't change it.
    ::chmod(file.c_str(), 0640);
    must_apply(only(file), sign_in("another"));
    EXPECT_EQ(mode_of(file), 0640u);
  }
}

TEST(Writing, AsRootKeepsTheOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const TemporaryDirectory directory;
  const auto owner = [](const std::string& file) {
    struct stat status{};
    ::stat(file.c_str(), &status);
    return std::pair(status.st_uid, status.st_gid);
  };
  const std::string file = directory.file("a");
  write_text(file, "");
  ASSERT_EQ(::chown(file.c_str(), 1234, 2345), 0);
  must_apply(only(file), sign_in());
  EXPECT_EQ(owner(file), std::pair(1234u, 2345u));
  // sudo, with the HOME of somebody who has no .kube yet.
  ASSERT_EQ(::chown(directory.path().c_str(), 1234, 2345), 0);
  must_apply(only(directory.file(".kube/config")), sign_in());
  EXPECT_EQ(owner(directory.file(".kube")), std::pair(1234u, 2345u));
  EXPECT_EQ(owner(directory.file(".kube/config")), std::pair(1234u, 2345u));
}

TEST(Writing, FollowsLinksAndLeavesThem) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.file("dotfiles/kube"));
  fs::create_directories(directory.file("home"));
  const std::string target = directory.file("dotfiles/kube/config"),
                    middle = directory.file("middle"), link = directory.file("home/config");
  write_text(target, "# mine\n");
  fs::create_symlink("dotfiles/kube/config", middle);
  fs::create_symlink("../middle", link);
  EXPECT_THAT(must_apply(only(link), sign_in()).files, ElementsAre(link));
  EXPECT_TRUE(fs::is_symlink(link) && fs::is_symlink(middle) && !fs::is_symlink(target));
  EXPECT_THAT(read_text(target), testing::StartsWith("# mine\n"));
  EXPECT_TRUE(must_read(only(target)).context("new"));
  EXPECT_THAT(names_in(directory.file("home")), ElementsAre("config"));
  EXPECT_THAT(names_in(directory.file("dotfiles/kube")), ElementsAre("config"));

  // One that leads nowhere yet.
  const std::string dangling = directory.file("dangling");
  fs::create_symlink("dotfiles/kube/other", dangling);
  must_apply(only(dangling), sign_in());
  EXPECT_TRUE(fs::is_symlink(dangling));
  EXPECT_TRUE(must_read(only(directory.file("dotfiles/kube/other"))).context("new"));

  // One to a folder that isn't there: not mounted, perhaps.
  const std::string unmounted = directory.file("unmounted");
  fs::create_symlink(directory.file("volume/config"), unmounted);
  const auto refused = apply(only(unmounted), sign_in());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), unmounted + " is a link to " +
                                           directory.file("volume/config") +
                                           ", whose folder isn't there; is it mounted?");
  EXPECT_FALSE(fs::exists(directory.file("volume")));

  const std::string loop = directory.file("loop");
  fs::create_symlink("loop", loop);
  const auto circle = apply(only(loop), sign_in());
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().message(), loop + " can't be read: Too many levels of symbolic links");
}

TEST(Writing, BothNamesOfALinkedFileAreLocked) {
  const TemporaryDirectory directory;
  const std::string target = directory.file("target"), link = directory.file("link");
  write_text(target, "");
  fs::create_symlink("target", link);
  for (const std::string& held : {target, link}) {
    write_text(held + ".lock", "");
    const auto locked = apply(only(link), sign_in(), {.patience = std::chrono::milliseconds(30)});
    ASSERT_FALSE(locked) << held;
    EXPECT_THAT(locked.error().message(), testing::StartsWith(held + ".lock is there for "));
    fs::remove(held + ".lock");
  }
  // Two spellings of one file need one lock.
  must_apply(only(directory.path() + "/./target"), sign_in());
  must_apply(
      Files{{directory.path() + "/../" + fs::path(directory.path()).filename().string() + "/target",
             target},
            false},
      sign_in("more"));
  EXPECT_THAT(names_in(directory.path()), ElementsAre("link", "target"));
}

TEST(Writing, AWriteProtectedFileIsLeftAlone) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  write_text(file, "users: []\n");
  ::chmod(file.c_str(), 0400);
  const auto refused = apply(only(file), sign_in());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::read_only));
  EXPECT_EQ(
      refused.error().message(),
      file +
          " is write-protected; allow writing (chmod u+w), or name another file with --kubeconfig");
  EXPECT_EQ(read_text(file), "users: []\n");
  EXPECT_THAT(names_in(directory.path()), ElementsAre("a"));
  // Nothing to change is no reason to refuse.
  Change nothing;
  nothing.remove_contexts = {"x"};
  EXPECT_THAT(must_apply(only(file), nothing).files, IsEmpty());
}

TEST(Writing, AReadOnlyFolderIsSaid) {
  const TemporaryDirectory directory;
  ::chmod(directory.path().c_str(), 0755);
  const std::string folder = directory.file("folder"), file = folder + "/config";
  fs::create_directory(folder);
  write_text(file, "users: []\n");
  ::chmod(file.c_str(), 0666);
  ::chmod(folder.c_str(), 0555);
  EXPECT_EQ(
      as_nobody([&] {
        const auto refused = apply(only(file), sign_in());
        if (refused || !refused.error().is(Errc::read_only)) return 1;
        if (refused.error().message() != "the folder " + folder +
                                             " can't be written to (Permission denied); change its "
                                             "permissions, or name another file with --kubeconfig")
          return 2;
        Change nothing;
        nothing.remove_contexts = {"x"};
        if (!apply(only(file), nothing)) return 3;
        const auto unmade = apply(only(folder + "/new/config"), sign_in());
        return !unmade && unmade.error().is(Errc::read_only) ? 0 : 4;
      }),
      0);
  EXPECT_EQ(read_text(file), "users: []\n");
  ::chmod(folder.c_str(), 0755);
}

// A person signs in for what is written then: what can be known before is said before.
TEST(CheckWritable, SaysBeforehandWhatWritingWouldSay) {
  const TemporaryDirectory directory;
  ::chmod(directory.path().c_str(), 0755);
  const std::string folder = directory.file("folder"), file = folder + "/config";
  fs::create_directory(folder);
  ::chmod(folder.c_str(), 0777);
  write_text(file, "users: []\n");
  ::chmod(file.c_str(), 0666);
  const auto code = [&](const Files& files) {
    return as_nobody([&] {
      const auto told = check_writable(files);
      const auto written = apply(files, sign_in());
      if (told.has_value() != written.has_value()) return 1;
      if (told) return 0;
      return told.error().is(Errc::read_only) && told.error().message() == written.error().message()
                 ? 2
                 : 3;
    });
  };
  EXPECT_EQ(code(only(file)), 0);
  EXPECT_EQ(code(only(folder + "/new/config")), 0);
  fs::remove_all(folder + "/new");
  write_text(file, "users: []\n");
  ::chmod(file.c_str(), 0400);
  EXPECT_EQ(code(only(file)), 2);
  ::chmod(file.c_str(), 0666);
  ::chmod(folder.c_str(), 0555);
  EXPECT_EQ(code(only(file)), 2);
  EXPECT_EQ(code(only(folder + "/config2")), 2);
  // Where the first file of several may be written, the others don't matter.
  const std::string open = directory.file("open");
  fs::create_directory(open);
  ::chmod(open.c_str(), 0777);
  write_text(open + "/config", "users: []\n");
  ::chmod((open + "/config").c_str(), 0666);
  EXPECT_EQ(code({{file, open + "/config"}, false}), 2);
  EXPECT_EQ(code({{open + "/config", file}, false}), 0);
  EXPECT_THAT(names_in(open), ElementsAre("config"));
  ::chmod(folder.c_str(), 0755);
}

TEST(Writing, AFullDiskLeavesTheOldFileAndNoLock) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a"),
                    content = "# old\n" + std::string(2000, '#') + "\nusers: []\n";
  write_text(file, content);
  EXPECT_EQ(wait_for(start([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              const auto refused = apply(only(file), sign_in());
              return !refused && refused.error().is(Errc::not_written) &&
                             refused.error().message() ==
                                 file +
                                     ".oulogin-new can't be written: File too large; the "
                                     "kubeconfig is as it was"
                         ? 0
                         : 1;
            })),
            0);
  EXPECT_EQ(read_text(file), content);
  EXPECT_THAT(names_in(directory.path()), ElementsAre("a"));
}

TEST(Writing, WhatIsNoFileIsNotReplaced) {
  const TemporaryDirectory directory;
  fs::create_directory(directory.file("folder"));
  const auto folder = apply(only(directory.file("folder")), sign_in());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message(), directory.file("folder") + " can't be read: Is a directory");
  const auto device = apply(only("/dev/null"), sign_in());
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().message(),
            "/dev/null is no regular file; name another one with --kubeconfig");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(names_in(directory.path()), ElementsAre("folder"));
}

TEST(Writing, ABrokenFileIsLeftAsItIs) {
  const TemporaryDirectory directory;
  for (const auto& entry : fs::directory_iterator(kData + "/broken")) {
    const std::string file = directory.file("a");
    fs::copy_file(entry.path(), file, fs::copy_options::overwrite_existing);
    const std::string before = read_text(file);
    const auto refused = apply(only(file), sign_in());
    ASSERT_FALSE(refused) << entry.path();
    EXPECT_THAT(refused.error().message(), testing::StartsWith(file + ":"));
    EXPECT_THAT(refused.error().message(), HasSubstr("move it away"));
    EXPECT_EQ(read_text(file), before);
    EXPECT_THAT(names_in(directory.path()), ElementsAre("a"));
  }
}

// Somebody's copies beside the file aren't ours to remove.
TEST(Writing, TouchesNoOtherFileOfTheFolder) {
  const TemporaryDirectory directory;
  const std::vector<std::string> names{"config", "config.bak", "config.new", "config.tmp",
                                       "config~"};
  for (const std::string& name : names) write_text(directory.file(name), "# " + name + "\n");
  must_apply(only(directory.file("config")), sign_in());
  EXPECT_EQ(names_in(directory.path()), names);
  for (const std::string& name : std::vector(names.begin() + 1, names.end()))
    EXPECT_EQ(read_text(directory.file(name)), "# " + name + "\n");
}

TEST(Writing, KilledAtAnyMomentTheFileIsTheOldOrTheNew) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("config");
  fs::copy_file(kData + "/good/comments.yaml", file);
  // What is there for long, so that a write is not over at once.
  {
    std::string text = read_text(file);
    text += "extensions:\n- name: large\n  extension: \"" + std::string(20'000, 'x') + "\"\n";
    write_text(file, text);
  }
  Change first = sign_in(), second = sign_in();
  second.current_context = "prod";
  second.clusters[0].server = "https://second.example.com";
  // Twice: the first change takes a comment along.
  must_apply(only(file), first);
  must_apply(only(file), second);
  const std::string text_second = read_text(file);
  must_apply(only(file), first);
  const std::string text_first = read_text(file);
  ASSERT_NE(text_first, text_second);

  std::mt19937 random(20'261'126);
  std::uniform_int_distribution<useconds_t> moment(0, 20'000);
  int with_lock = 0, with_rest = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t writer = start([&] {
      for (;;) {
        for (const Change* change : {&second, &first}) {
          if (!apply(only(file), *change, {.stale_after = std::chrono::milliseconds(0)})) return 1;
        }
      }
    });
    ::usleep(moment(random));
    ::kill(writer, SIGKILL);
    EXPECT_EQ(wait_for(writer), 128 + SIGKILL) << "round " << i;
    const std::string now = read_text(file);
    ASSERT_TRUE(now == text_first || now == text_second) << "round " << i << "\n"
                                                         << now.substr(0, 2000);
    with_lock += fs::exists(file + ".lock");
    with_rest += fs::exists(file + ".oulogin-new");
  }
  // It was killed within, too; and what was left behind keeps nobody from going on.
  EXPECT_GT(with_lock, 0);
  EXPECT_GT(with_rest, 0);
  must_apply(only(file), second, {.stale_after = std::chrono::milliseconds(0)});
  must_apply(only(file), first);
  EXPECT_EQ(read_text(file), text_first);
  EXPECT_THAT(names_in(directory.path()), ElementsAre("config"));
}

// Ctrl-C comes when the lock has gone.
TEST(Writing, TerminatedAtAnyMomentNoLockIsLeft) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("config");
  Change first = sign_in(), second = sign_in("other");
  must_apply(only(file), first);
  for (int i = 0; i < 50; ++i) {
    const pid_t writer = start([&] {
      for (;;) {
        if (!apply(only(file), second) || !apply(only(file), first)) return 1;
      }
    });
    ::usleep(static_cast<useconds_t>(i * 100));
    ::kill(writer, i % 2 ? SIGTERM : SIGINT);
    EXPECT_EQ(wait_for(writer), 128 + (i % 2 ? SIGTERM : SIGINT));
    EXPECT_THAT(names_in(directory.path()), ElementsAre("config")) << i;
  }
}

}  // namespace
}  // namespace openunison::kube
