// SPDX-License-Identifier: Apache-2.0
//
// The keeper with a keyring: what fails there loses no token.
#include <gtest/gtest.h>

#include "cli/keeper.h"
#include "scripted_keyring.h"
#include "scripted_portal.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

class KeeperKeyringTest : public testing::Test {
 protected:
  KeeperKeyringTest() {
    EXPECT_TRUE(state_.make_folder_of(host_));
    SignIn sign_in;
    sign_in.issuer = kIssuer;
    sign_in.account_endpoint = "https://k8sou.example.com/api/account";
    sign_in.sign_out_endpoint = "https://k8sou.example.com/api/sign_out";
    sign_in.user = "alice";
    sign_in.refresh_token = {Secret("own-1")};
    Account account;
    account.user = "alice";
    account.clusters = {{.name = "prod", .issuer = kIssuer, .client_id = "kubernetes"}};
    EXPECT_TRUE(keeper_.keep(host_, sign_in, {Storage::keyring, true}, "access-1", account));
    answer(tokens_response("kubernetes", "family-1"));
    EXPECT_TRUE(keeper_.credential(host_, "prod"));
  }
  void answer(http::Response response) { portal_.answers.emplace_back(std::move(response)); }
  void later(Seconds time) { clock_.time.since += time; }
  // As another process finds it.
  Keeper keeper() {
    return {runtime_, state_, clock_,
            [this](const std::string&) -> Result<std::unique_ptr<PortalClient>> {
              return std::make_unique<PortalClient>(portal_.fetch(), "build-7", clock_);
            },
            Vault(std::make_unique<ScriptedKeyring>(keyring_), state_.folder())};
  }
  std::string file_of_cluster() { return read_text(state_.credential_file(host_, "prod")); }
  std::string file_of_sign_in() { return read_text(state_.sign_in_file(host_)); }

  TemporaryDirectory directory_;
  State state_{directory_.path() + "/state"};
  Host host_{"k8sou.example.com", 443};
  FixedBootClock clock_;
  ScriptedPortal portal_;
  KeyringScript keyring_;
  net::Runtime runtime_{1};
  Keeper keeper_ = keeper();
};

TEST_F(KeeperKeyringTest, NoRefreshTokenStandsInAFile) {
  EXPECT_EQ(file_of_cluster().find("family-1"), std::string::npos);
  EXPECT_EQ(file_of_sign_in().find("own-1"), std::string::npos);
  EXPECT_EQ(keyring_.keys.size(), 1u);
  later(Seconds(60));
  answer(tokens_response("kubernetes", "family-2"));
  Keeper other = keeper();
  ASSERT_TRUE(other.credential(host_, "prod"));
  EXPECT_EQ(portal_.form(1).value("refresh_token"), "family-1");
  EXPECT_EQ(file_of_cluster().find("family-2"), std::string::npos);
  later(Seconds(60));
  answer(tokens_response("kubernetes", "family-3"));
  Keeper third = keeper();
  ASSERT_TRUE(third.credential(host_, "prod"));
  EXPECT_EQ(portal_.form(2).value("refresh_token"), "family-2");
}

TEST_F(KeeperKeyringTest, TheFastPathDoesNotAskTheKeyring) {
  const int finds = keyring_.finds;
  Keeper other = keeper();
  ASSERT_TRUE(other.credential(host_, "prod"));
  EXPECT_EQ(keyring_.finds, finds);
}

TEST_F(KeeperKeyringTest, ALockedKeyringAsksThePortalNothingAndLosesNothing) {
  for (const bool locked : {true, false}) {
    keyring_.locked = locked;
    keyring_.broken = locked ? std::nullopt : std::optional(Errc::keyring);
    clock_.time.since = Millis(100'000) + Seconds(50);
    const std::string before = file_of_cluster();
    Keeper other = keeper();
    // Ten seconds are left: they are used.
    EXPECT_TRUE(other.credential(host_, "prod"));
    later(Seconds(10));
    const auto over = other.credential(host_, "prod");
    ASSERT_FALSE(over);
    EXPECT_TRUE(over.error().is(locked ? Errc::keyring_locked : Errc::keyring));
    EXPECT_EQ(portal_.asked.size(), 1u) << "a token was used up whose successor has no place";
    EXPECT_EQ(file_of_cluster(), before);
  }
  keyring_.broken.reset();
  answer(tokens_response("kubernetes", "family-2"));
  Keeper again = keeper();
  EXPECT_TRUE(again.credential(host_, "prod"));
  EXPECT_EQ(keyring_.asked, 0);
}

// The keyring goes away between the portal's answer and the writing.
TEST_F(KeeperKeyringTest, ARotatedTokenIsKeptWhateverTheKeyringDoesThen) {
  later(Seconds(60));
  keyring_.before_find = [&, finds = 0]() mutable {
    if (++finds > 1) keyring_.broken = Errc::keyring;
  };
  answer(tokens_response("kubernetes", "family-2"));
  Keeper other = keeper();
  ASSERT_TRUE(other.credential(host_, "prod"));
  keyring_.broken.reset();
  keyring_.before_find = {};
  later(Seconds(60));
  answer(tokens_response("kubernetes", "family-3"));
  Keeper third = keeper();
  ASSERT_TRUE(third.credential(host_, "prod"));
  EXPECT_EQ(portal_.form(2).value("refresh_token"), "family-2");
}

TEST_F(KeeperKeyringTest, AKeyThatIsGoneTakesANewSignIn) {
  keyring_.keys.clear();
  later(Seconds(60));
  Keeper other = keeper();
  const auto credential = other.credential(host_, "prod");
  ASSERT_FALSE(credential);
  EXPECT_TRUE(credential.error().is(Errc::sign_in_needed));
  EXPECT_EQ(portal_.asked.size(), 1u);
}

TEST_F(KeeperKeyringTest, MovesToAFileAndBackWithoutThePortal) {
  Keeper other = keeper();
  ASSERT_TRUE(other.keep_elsewhere(host_, {Storage::file, false}));
  EXPECT_NE(file_of_cluster().find("family-1"), std::string::npos);
  EXPECT_NE(file_of_sign_in().find("own-1"), std::string::npos);
  EXPECT_TRUE(keyring_.keys.empty());
  ASSERT_TRUE(other.keep_elsewhere(host_, {Storage::keyring, true}));
  EXPECT_EQ(file_of_cluster().find("family-1"), std::string::npos);
  EXPECT_EQ(file_of_sign_in().find("own-1"), std::string::npos);
  EXPECT_EQ(portal_.asked.size(), 1u);
  later(Seconds(60));
  answer(tokens_response("kubernetes", "family-2"));
  Keeper third = keeper();
  ASSERT_TRUE(third.credential(host_, "prod"));
  EXPECT_EQ(portal_.form(1).value("refresh_token"), "family-1");
}

TEST_F(KeeperKeyringTest, AMoveThatCannotOpenChangesNothing) {
  const std::string cluster = file_of_cluster(), sign_in = file_of_sign_in();
  keyring_.locked = true;
  Keeper other = keeper();
  EXPECT_TRUE(other.keep_elsewhere(host_, {Storage::file, false}).error().is(Errc::keyring_locked));
  EXPECT_EQ(file_of_cluster(), cluster);
  EXPECT_EQ(file_of_sign_in(), sign_in);
  EXPECT_EQ(keyring_.keys.size(), 1u);
}

// Killed between two files: each says itself how it is kept.
TEST_F(KeeperKeyringTest, AHalfDoneMoveWorks) {
  const std::string sign_in = file_of_sign_in();
  Keeper other = keeper();
  const auto keys = keyring_.keys;
  ASSERT_TRUE(other.keep_elsewhere(host_, {Storage::file, false}));
  write_text(state_.sign_in_file(host_), sign_in);
  keyring_.keys = keys;
  later(Seconds(60));
  answer(tokens_response("kubernetes", "family-2"));
  Keeper third = keeper();
  ASSERT_TRUE(third.credential(host_, "prod"));
  answer(tokens_response("kubectl-oulogin", "own-2"));
  EXPECT_TRUE(third.access_token(host_));
  EXPECT_EQ(portal_.form(2).value("refresh_token"), "own-1");
}

TEST_F(KeeperKeyringTest, SigningOutRevokesAndTakesTheKeyOut) {
  answer(json_response(200, ""));
  answer(json_response(200, ""));
  Keeper other = keeper();
  ASSERT_TRUE(other.sign_out(host_, false));
  EXPECT_EQ(portal_.form(1).value("token"), "family-1");
  EXPECT_EQ(portal_.form(2).value("token"), "own-1");
  EXPECT_TRUE(keyring_.keys.empty());
  // What was wished for is remembered for the next time.
  EXPECT_EQ(other.choose_keeping(host_, std::nullopt, true, {}).value().wish, Storage::keyring);
}

TEST_F(KeeperKeyringTest, SigningOutOfALockedKeyringForgetsAllTheSame) {
  keyring_.locked = true;
  Keeper other = keeper();
  EXPECT_TRUE(other.sign_out(host_, false).error().is(Errc::keyring_locked));
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  EXPECT_TRUE(state_.sign_in(host_).value()->refresh_token.empty());
  // Signing out again, when it is open, takes the key of what is gone.
  keyring_.locked = false;
  EXPECT_TRUE(keeper().sign_out(host_, false).error().is(Errc::sign_in_needed));
  EXPECT_TRUE(keyring_.keys.empty());
}

}  // namespace
}  // namespace openunison::cli
