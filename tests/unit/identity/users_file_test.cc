// SPDX-License-Identifier: Apache-2.0
#include "identity/users_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "crypto/password.h"
#include "crypto/random.h"
#include "identity/error.h"
#include "temporary_directory.h"

namespace openunison::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string hash() {
  crypto::SeededRandom random(1);
  static const std::string kHash = crypto::hash_password(Secret("secret"), random, {64, 1, 1});
  return kHash;
}

LocalUser user(std::string name) {
  LocalUser result;
  result.name = std::move(name);
  result.password_hash = hash();
  return result;
}

TEST(UsersFile, MissingAndEmptyFilesAreEmptyLists) {
  TemporaryDirectory directory;
  const auto missing = read_users(directory.file("users.yaml"));
  ASSERT_TRUE(missing);
  EXPECT_THAT(*missing, IsEmpty());
  for (const char* text : {"", "users: []\n"}) {
    write_text(directory.file("users.yaml"), text);
    const auto users = read_users(directory.file("users.yaml"));
    ASSERT_TRUE(users) << text << users.error().message();
    EXPECT_THAT(*users, IsEmpty());
  }
}

// It may be all that is left of a file that had users.
// The same file for who had users of it: they aren't gone by a mistake. What the file's size was
// before doesn't matter, since it can be emptied between a look at it and the reading.
TEST(UsersFile, ReadAgainAMissingOrEmptyFileIsAnError) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  const auto missing = read_users_again(file);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), file + ": the file is not there");
  write_text(file, "");
  const auto empty = read_users_again(file);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message(), file + ": the file is empty");
  write_text(file, "users: []\n");
  EXPECT_EQ(read_users_again(file).value().size(), 0u);
}

TEST(UsersFile, TextWithoutAListOfUsersIsRefused) {
  TemporaryDirectory directory;
  for (const char* text :
       {"# restored later\n", "\n", "users:\n", "{}\n", "null\n", "users: ~\n"}) {
    write_text(directory.file("users.yaml"), text);
    const auto users = read_users(directory.file("users.yaml"));
    ASSERT_FALSE(users) << text;
    EXPECT_TRUE(users.error().is(Errc::bad_users_file)) << text;
    EXPECT_THAT(users.error().message(), HasSubstr("write \"users: []\"")) << text;
  }
}

constexpr std::string_view kAllClaims = R"(    claims:
      middle_name: M.
      nickname: Al
      profile: https://people.example/alice
      picture: https://people.example/alice.png
      website: https://alice.example/
      gender: female
      birthdate: 1990-05-17
      zoneinfo: Europe/Paris
      locale: fr-FR
      updated_at: 1700000000
      phone_number: "+1 (425) 555-1212"
      phone_number_verified: true
      address:
        formatted: "1 Main Street\nSpringfield"
        street_address: 1 Main Street
        locality: Springfield
        region: OR
        postal_code: "97475"
        country: US
      acr: urn:example:silver
)";

TEST(UsersFile, ReadsAndWritesStandardClaims) {
  TemporaryDirectory directory;
  const std::string file = directory.file("u");
  write_text(file, "users:\n  - name: alice\n    password_hash: '" + hash() + "'\n" +
                       std::string(kAllClaims));
  const auto users = read_users(file);
  ASSERT_TRUE(users) << users.error().message();
  const text::Json& claims = users->front().claims;
  ASSERT_NE(claims.object(), nullptr);
  EXPECT_EQ(claims.object()->size(), 14u);
  EXPECT_EQ(*claims.find("updated_at")->integer(), 1'700'000'000);
  EXPECT_TRUE(*claims.find("phone_number_verified")->boolean());
  EXPECT_EQ(*claims.find("address")->find_string("formatted"), "1 Main Street\nSpringfield");
  EXPECT_EQ(*claims.find("address")->find_string("postal_code"), "97475");
  EXPECT_EQ(*claims.find_string("birthdate"), "1990-05-17");
  // As `openunison users` writes them.
  const auto written = write_users(file, *users);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(*read_users(file), *users);
}

TEST(UsersFile, ClaimsAreAClosedListOfValuesOfTheirForm) {
  struct Case {
    const char* claims;
    const char* problem;  // file:line:column and the start of what is wrong
  };
  const Case cases[] = {
      {"claims: yes", "u:4:13: claims must be a map"},
      {"claims: {nick: Al}", "u:4:14: unknown claim \"nick\"; there are middle_name, nickname"},
      {"claims: {sub: bob}", "u:4:14: unknown claim \"sub\""},
      {"claims: {groups: [ops]}", "u:4:14: unknown claim \"groups\""},
      {"claims: {email: a@b.example}", "u:4:14: unknown claim \"email\""},
      {"claims: {nickname: [a]}", "u:4:24: nickname must be text"},
      {"claims: {nickname: \"\"}", "u:4:24: nickname must be text"},
      {"claims: {nickname: \"a\\tb\"}", "u:4:24: nickname has control characters"},
      {"claims: {picture: alice.png}", "u:4:23: picture must be an address"},
      {"claims: {birthdate: 17.5.1990}", "u:4:25: birthdate must be YYYY-MM-DD or YYYY"},
      {"claims: {updated_at: -1}", "u:4:26: updated_at must be seconds since 1970"},
      {"claims: {updated_at: \"1\"}", "u:4:26: updated_at must be seconds since 1970"},
      {"claims: {phone_number_verified: \"true\"}",
       "u:4:37: phone_number_verified must be true or false"},
      {"claims: {address: Springfield}", "u:4:23: address must be a map"},
      {"claims: {address: {town: Springfield}}", "u:4:24: unknown claim \"address.town\""},
      {"claims: {address: {country: [US]}}", "u:4:33: address.country must be text"},
      {"claims: {acr: \"a b\"}", "u:4:19: acr must be one word"},
  };
  TemporaryDirectory directory;
  for (const Case& c : cases) {
    write_text(directory.file("u"), "users:\n  - name: alice\n    password_hash: '" + hash() +
                                        "'\n    " + c.claims + "\n");
    const auto users = read_users(directory.file("u"));
    ASSERT_FALSE(users) << c.claims;
    EXPECT_THAT(users.error().message(), HasSubstr(c.problem)) << c.claims;
  }
}

TEST(UsersFile, ReadsEveryKey) {
  TemporaryDirectory directory;
  write_text(directory.file("u"),
             "users:\n  - name: alice\n    password_hash: '" + hash() +
                 "'\n    display_name: Alice Ice\n    given_name: Alice\n    family_name: Ice\n"
                 "    email: alice@example.com\n    groups: [ops, \"a, b\"]\n    disabled: true\n");
  const auto users = read_users(directory.file("u"));
  ASSERT_TRUE(users) << users.error().message();
  LocalUser alice = user("alice");
  alice.display_name = "Alice Ice";
  alice.given_name = "Alice";
  alice.family_name = "Ice";
  alice.email = "alice@example.com";
  alice.groups = {"ops", "a, b"};
  alice.disabled = true;
  EXPECT_THAT(*users, ElementsAre(alice));
}

TEST(UsersFile, SaysWhereWhatIsWrong) {
  const std::string good = "users:\n  - name: alice\n    password_hash: '" + hash() + "'\n";
  struct Case {
    std::string text, place, message;
  };
  const Case cases[] = {
      {"- a\n", ":1:1: ", "must be a map"},
      {"user: []\n", ":1:1: ", "unknown key \"user\""},
      {"users: alice\n", ":1:8: ", "must be a list"},
      {"users:\n  - alice\n", ":2:5: ", "must be a map"},
      {good + "    groupz: [a]\n", ":4:5: ", "unknown key \"groupz\""},
      {good + "    groups: ops\n", ":4:13: ", "must be a list"},
      {good + "    groups: [{a: b}]\n", ":4:14: ", "must be a name"},
      {good + "    groups: [\" a\"]\n", ":4:14: ", "white space"},
      {good + "    groups: [\"\"]\n", ":4:14: ", "empty"},
      {good + "    disabled: perhaps\n", ":4:15: ", "true or false"},
      {good + "    disabled: \"true\"\n", ":4:15: ", "true or false"},
      {good + "    email: [a]\n", ":4:12: ", "must be text"},
      {good + "    display_name: \"a\\nb\"\n", ":4:19: ", "control"},
      {good + "  - name: alice\n    password_hash: '" + hash() + "'\n",
       ":4:5: ", "alice is there twice"},
      {"users:\n  - password_hash: '" + hash() + "'\n", ":2:5: ", "1 to 128"},
      {"users:\n  - name: 'a b'\n    password_hash: '" + hash() + "'\n", ":2:5: ", "1 to 128"},
      {"users:\n  - name: 'system:x'\n    password_hash: '" + hash() + "'\n", ":2:5: ", "1 to 128"},
      {"users:\n  - name: alice\n", ":2:5: ", "no argon2id hash"},
      {"users:\n  - name: alice\n    password_hash: plain\n", ":2:5: ", "users passwd alice"},
      {"users:\n  - name: a\n    name: b\n", ":3:5: ", ""},
      {"users: [\n", ":", ""},
  };
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  for (const Case& c : cases) {
    write_text(file, c.text);
    const auto users = read_users(file);
    ASSERT_FALSE(users) << c.text;
    EXPECT_TRUE(users.error().is(Errc::bad_users_file));
    EXPECT_THAT(users.error().message(), HasSubstr(file + c.place)) << c.text;
    EXPECT_THAT(users.error().message(), HasSubstr(c.message)) << c.text;
    EXPECT_THAT(users.error().message(), Not(HasSubstr(hash()))) << "no hash in messages";
  }
}

TEST(UsersFile, UnreadableFileIsAnError) {
  TemporaryDirectory directory;
  const auto users = read_users(directory.path());
  ASSERT_FALSE(users);
  EXPECT_TRUE(users.error().is(Errc::bad_users_file));
}

TEST(UsersFile, TooLargeFileIsAnError) {
  TemporaryDirectory directory;
  write_text(directory.file("u"), std::string((1 << 20) + 1, '#'));
  EXPECT_FALSE(read_users(directory.file("u")));
}

TEST(UsersFile, WritesWhatReadsBack) {
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  std::vector<LocalUser> users;
  for (const char* name :
       {"alice", "12", "true", "null", "no", "1e3", "a@b.c", "-x", "0x1f", "2026-11-24", ".inf"}) {
    users.push_back(user(name));
  }
  users[0].display_name = "Quote \" ' : # , [x] {y} \\ é";
  users[0].given_name = "yes";
  users[0].family_name = "- dash";
  users[0].email = "*alias";
  users[0].groups = {"a: b", "# no comment", "&anchor", "true", "12",   "~",
                     "!tag", "a,b",          "%x",      "@at",  "`tick"};
  users[1].disabled = true;
  const auto written = write_users(file, users);
  ASSERT_TRUE(written) << written.error().message();
  const auto back = read_users(file);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, users);

  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));

  ASSERT_TRUE(write_users(file, {}));
  EXPECT_THAT(*read_users(file), IsEmpty());
}

TEST(UsersFile, RefusesToWriteWhatCouldNotBeRead) {
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  ASSERT_TRUE(write_users(file, {user("alice")}));
  const std::string before = read_text(file);
  LocalUser bad_hash = user("bob");
  bad_hash.password_hash = "plain";
  LocalUser bad_group = user("bob");
  bad_group.groups = {"a\nb"};
  const auto refused = write_users(file, {user("a b")});
  ASSERT_FALSE(refused);
  // Where it would have stood is of no use to who added it.
  EXPECT_EQ(refused.error().message(),
            "a user's name has 1 to 128 of the characters A-Z a-z 0-9 . _ @ -");
  EXPECT_FALSE(write_users(file, {user("bob"), user("bob")}));
  EXPECT_FALSE(write_users(file, {bad_hash}));
  EXPECT_FALSE(write_users(file, {bad_group}));
  EXPECT_EQ(read_text(file), before);
}

TEST(UsersFile, ReplacesALinksTargetAndALeftoverOfACrash) {
  TemporaryDirectory directory;
  const std::string target = directory.file("real.yaml"), link = directory.file("users.yaml");
  ASSERT_TRUE(write_users(target, {user("alice")}));
  std::filesystem::create_symlink(target, link);
  write_text(target + ".new", "half a file");
  std::filesystem::remove(target + ".lock");
  ASSERT_TRUE(write_users(link, {user("bob")}));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  // Who comes by another link, or by the file itself, waits for the same lock.
  EXPECT_TRUE(std::filesystem::exists(target + ".lock"));
  EXPECT_FALSE(std::filesystem::exists(link + ".lock"));
  EXPECT_EQ((*read_users(target))[0].name, "bob");
}

// Root's `users add` for a server that runs as somebody else, who must be able to read the file and
// to change it under the same lock.
TEST(UsersFile, WhatRootMakesBelongsToTheOwnerOfTheFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  TemporaryDirectory directory;
  ASSERT_EQ(::chown(directory.path().c_str(), 65'534, 65'534), 0);
  const std::string file = directory.file("users.yaml");
  ASSERT_TRUE(write_users(file, {user("alice")}));
  for (const std::string& each : {file, file + ".lock"}) {
    struct stat status{};
    ASSERT_EQ(::stat(each.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 65'534u) << each;
  }
}

TEST(UsersFile, EditChangesUnderTheLock) {
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  ASSERT_TRUE(write_users(file, {user("alice")}));
  const auto edited = edit_users(file, [&](std::vector<LocalUser>& users) -> Result<void> {
    users.push_back(user("bob"));
    // Somebody else can't come in between.
    const auto other =
        edit_users(file, [](std::vector<LocalUser>&) -> Result<void> { return {}; }, Millis(0));
    EXPECT_FALSE(other);
    if (!other)
      EXPECT_THAT(other.error().message(), HasSubstr("is being changed by another program"));
    return {};
  });
  ASSERT_TRUE(edited) << edited.error().message();
  EXPECT_EQ(read_users(file)->size(), 2u);
}

TEST(UsersFile, EditThatFailsChangesNothing) {
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  ASSERT_TRUE(write_users(file, {user("alice")}));
  const auto edited = edit_users(file, [](std::vector<LocalUser>& users) -> Result<void> {
    users.clear();
    return fail(Errc::gone, "no such user");
  });
  ASSERT_FALSE(edited);
  EXPECT_TRUE(edited.error().is(Errc::gone));
  EXPECT_EQ(read_users(file)->size(), 1u);
}

TEST(UsersFile, ParallelEditsLoseNothing) {
  TemporaryDirectory directory;
  const std::string file = directory.file("users.yaml");
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&file, i] {
      const auto edited = edit_users(
          file,
          [i](std::vector<LocalUser>& users) -> Result<void> {
            users.push_back(user("user" + std::to_string(i)));
            return {};
          },
          Millis(60'000));
      EXPECT_TRUE(edited);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read_users(file)->size(), 8u);
}

}  // namespace
}  // namespace openunison::identity
