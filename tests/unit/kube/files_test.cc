// SPDX-License-Identifier: Apache-2.0
#include "kube_testing.h"

namespace openunison::kube {
namespace {

using testing::ElementsAre;

struct Case {
  std::string flag, list, home;
  std::vector<std::string> paths;
};

TEST(FindFiles, ByFlagThenListThenHome) {
  const std::string here = std::filesystem::current_path();
  for (const Case& each : std::vector<Case>{
           {"/f", "/a:/b", "/home/ada", {"/f"}},
           {"f", "", "", {here + "/f"}},
           {"/f:/g", "", "", {"/f:/g"}},  // one file, whatever it is called
           {"", "/a:/b", "/home/ada", {"/a", "/b"}},
           {"", ":/a::/b:/a:", "/home/ada", {"/a", "/b"}},
           {"", "a:/b", "", {here + "/a", "/b"}},
           {"", "", "/home/ada", {"/home/ada/.kube/config"}},
       }) {
    const auto files = find_files(each.flag, {each.list, each.home});
    ASSERT_TRUE(files) << each.list;
    EXPECT_EQ(files->paths, each.paths);
    EXPECT_EQ(files->only_one, !each.flag.empty());
  }
}

TEST(FindFiles, RefusesWhatNamesNoFile) {
  const auto separators = find_files("", {"::", "/home/ada"});
  ASSERT_FALSE(separators);
  EXPECT_TRUE(separators.error().is(Errc::no_file));
  EXPECT_THAT(separators.error().message(),
              testing::HasSubstr("KUBECONFIG is set and names no file"));
  const auto homeless = find_files("", {"", ""});
  ASSERT_FALSE(homeless);
  EXPECT_THAT(homeless.error().message(), testing::HasSubstr("HOME is not set"));
}

TEST(FindFiles, NewEntriesGoToTheFirstFileThatExistsElseToTheLast) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b"), c = directory.file("c");
  const Files files{{a, b, c}, false};
  EXPECT_EQ(files.for_new_entries(), c);
  write_text(b, "");
  EXPECT_EQ(files.for_new_entries(), b);
  write_text(a, "");
  EXPECT_EQ(files.for_new_entries(), a);
  std::filesystem::remove(a);
  std::filesystem::create_symlink(directory.file("nowhere"), a);
  EXPECT_EQ(files.for_new_entries(), b);
}

TEST(Environment, IsThatOfTheProcess) {
  ::setenv("KUBECONFIG", "/a:/b", 1);
  EXPECT_EQ(Environment::of_process().kubeconfig, "/a:/b");
  EXPECT_EQ(Environment::of_process().home, ::getenv("HOME"));
  ::unsetenv("KUBECONFIG");
  EXPECT_EQ(Environment::of_process().kubeconfig, "");
}

}  // namespace
}  // namespace openunison::kube
