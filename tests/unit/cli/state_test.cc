// SPDX-License-Identifier: Apache-2.0
#include "cli/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/error.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using testing::ElementsAre;

class StateTest : public testing::Test {
 protected:
  static mode_t mode_of(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
  }
  void put(const std::string& file, const std::string& content) { std::ofstream(file) << content; }

  TemporaryDirectory directory_;
  State state_{directory_.path() + "/a/b/kubectl-oulogin"};
  Host host_{"k8sou.example.com", 8443};
};

Credential some_credential() {
  Credential credential;
  credential.issuer = "https://k8sou.example.com:8443/auth/idp/k8sIdp";
  credential.client_id = "kubernetes";
  credential.id_token = Secret("a.b.c");
  credential.received = {"boot-1", Millis(5'000)};
  credential.life = Seconds(60);
  credential.refresh_token = {Secret("our_refresh")};
  return credential;
}

TEST_F(StateTest, KeepsWhatItIsGivenForItsOwnerAlone) {
  ASSERT_TRUE(state_.make_folder_of(host_));
  SignIn sign_in;
  sign_in.portal_name = "Portal";
  sign_in.issuer = "https://k8sou.example.com:8443/auth/idp/k8sIdp";
  sign_in.account_endpoint = "https://k8sou.example.com:8443/api/account";
  sign_in.sign_out_endpoint = "https://k8sou.example.com:8443/api/sign_out";
  sign_in.authority_pem = "-----BEGIN CERTIFICATE-----\n";
  sign_in.user = "alice";
  sign_in.refresh_token = {Secret("our_token")};
  sign_in.storage = Storage::keyring;
  ASSERT_TRUE(state_.save(host_, sign_in));
  ASSERT_TRUE(state_.save(host_, "prod", some_credential()));

  const auto kept = state_.sign_in(host_).value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->portal_name, sign_in.portal_name);
  EXPECT_EQ(kept->issuer, sign_in.issuer);
  EXPECT_EQ(kept->account_endpoint, sign_in.account_endpoint);
  EXPECT_EQ(kept->sign_out_endpoint, sign_in.sign_out_endpoint);
  EXPECT_EQ(kept->authority_pem, sign_in.authority_pem);
  EXPECT_EQ(kept->user, "alice");
  EXPECT_EQ(kept->refresh_token.plain.reveal(), "our_token");
  EXPECT_EQ(kept->storage, Storage::keyring);
  const auto credential = state_.credential(host_, "prod").value();
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->id_token.reveal(), "a.b.c");
  EXPECT_EQ(credential->received.boot, "boot-1");
  EXPECT_EQ(credential->received.since, Millis(5'000));
  EXPECT_EQ(credential->life, Seconds(60));
  EXPECT_EQ(credential->refresh_token.plain.reveal(), "our_refresh");
  EXPECT_EQ(credential->client_id, "kubernetes");

  EXPECT_EQ(mode_of(state_.folder()), 0700);
  EXPECT_EQ(mode_of(state_.folder_of(host_)), 0700);
  EXPECT_EQ(mode_of(state_.sign_in_file(host_)), 0600);
  EXPECT_EQ(mode_of(state_.credential_file(host_, "prod")), 0600);
}

TEST_F(StateTest, NothingKeptIsNoError) {
  EXPECT_FALSE(state_.sign_in(host_).value());
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  EXPECT_TRUE(state_.remove_credential(host_, "prod"));
  EXPECT_TRUE(state_.forget(host_));
  EXPECT_TRUE(state_.hosts().empty());
}

TEST_F(StateTest, ListsPortalsAndClusters) {
  const std::vector<Host> hosts = {{"::1", 8443}, {"a.example.com", 443}, {"b.example.com", 8443}};
  for (const Host& host : hosts) {
    ASSERT_TRUE(state_.make_folder_of(host));
    ASSERT_TRUE(state_.save(host, SignIn()));
  }
  ASSERT_TRUE(state_.save(hosts[1], "prod", some_credential()));
  ASSERT_TRUE(state_.save(hosts[1], "../evil/..", some_credential()));
  EXPECT_THAT(state_.hosts(), testing::UnorderedElementsAreArray(hosts));
  EXPECT_THAT(state_.clusters(hosts[1]), ElementsAre("../evil/..", "prod"));
  EXPECT_THAT(state_.clusters(hosts[0]), ElementsAre());
}

// A portal names its clusters, and a name must not lead out of the folder.
TEST_F(StateTest, NamesStayInTheFolder) {
  const std::string folder = state_.folder_of(host_);
  for (const char* name : {"..", ".", "../x", "/etc/passwd", "a/b", "a\\b", "", "x\n", "%2e%2e"}) {
    const std::filesystem::path file = state_.credential_file(host_, name);
    EXPECT_EQ(file.parent_path().string(), folder) << name;
    EXPECT_EQ(file.lexically_normal(), file) << name;
  }
  const std::filesystem::path dots = state_.folder_of({"..", 443});
  EXPECT_EQ(dots.lexically_normal(), dots);
  EXPECT_EQ(dots.parent_path().string(), state_.folder());
}

TEST_F(StateTest, SaysWhichFileIsDamaged) {
  ASSERT_TRUE(state_.make_folder_of(host_));
  const std::string file = state_.sign_in_file(host_);
  for (const char* content : {"", "{", "[]", "{\"version\":2}", "{\"version\":\"1\"}", "{}"}) {
    put(file, content);
    const auto kept = state_.sign_in(host_);
    ASSERT_FALSE(kept) << content;
    EXPECT_TRUE(kept.error().is(Errc::state)) << content;
    EXPECT_NE(kept.error().message().find(file), std::string::npos) << content;
  }
  put(file, std::string(2 << 20, ' '));
  EXPECT_FALSE(state_.sign_in(host_));
}

TEST_F(StateTest, FollowsNoLinkPutInItsPlace) {
  ASSERT_TRUE(state_.make_folder_of(host_));
  put(directory_.path() + "/theirs", "{\"version\":1,\"refresh_token\":\"theirs\"}");
  ASSERT_EQ(::symlink((directory_.path() + "/theirs").c_str(), state_.sign_in_file(host_).c_str()),
            0);
  EXPECT_FALSE(state_.sign_in(host_));
}

TEST_F(StateTest, UsesNoFolderThatOthersCanRead) {
  ASSERT_TRUE(state_.make_folder_of(host_));
  ASSERT_EQ(::chmod(state_.folder_of(host_).c_str(), 0755), 0);
  const auto made = state_.make_folder_of(host_);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("chmod 700"), std::string::npos);
}

TEST(StateFolder, IsWhereTheDesktopsAgreed) {
  struct Case {
    std::map<std::string, std::string> variables;
    const char* folder;  // null: none
  };
  const Case cases[] = {
      {{{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}, "/x/kubectl-oulogin"},
      {{{"HOME", "/h"}}, "/h/.local/state/kubectl-oulogin"},
      {{{"XDG_STATE_HOME", "relative"}, {"HOME", "/h"}}, "/h/.local/state/kubectl-oulogin"},
      {{{"XDG_STATE_HOME", ""}, {"HOME", "/h"}}, "/h/.local/state/kubectl-oulogin"},
      {{{"HOME", ""}}, nullptr},
      {{}, nullptr}};
  for (const Case& each : cases) {
    const auto folder = State::folder_by([&](const char* name) -> std::optional<std::string> {
      const auto found = each.variables.find(name);
      return found == each.variables.end() ? std::nullopt : std::optional(found->second);
    });
    ASSERT_EQ(folder.has_value(), each.folder != nullptr);
    if (folder) {
      EXPECT_EQ(*folder, each.folder);
    }
  }
}

TEST(Credential, CountsItsLifeByTheClockThatNobodySets) {
  const Credential credential = some_credential();  // at 5 s of boot-1, for 60 s
  EXPECT_EQ(credential.left({"boot-1", Millis(5'000)}), Millis(60'000));
  EXPECT_EQ(credential.left({"boot-1", Millis(64'500)}), Millis(500));
  EXPECT_EQ(credential.left({"boot-1", Millis(70'000)}), Millis(0));
  EXPECT_EQ(credential.left({"boot-2", Millis(6'000)}), std::nullopt) << "after a restart";
  EXPECT_EQ(credential.left({"boot-1", Millis(4'000)}), std::nullopt) << "received in the future";
  EXPECT_EQ(credential.left({"", Millis(6'000)}), std::nullopt);
}

}  // namespace
}  // namespace openunison::cli
