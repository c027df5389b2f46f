// SPDX-License-Identifier: Apache-2.0
#include "cli/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/machine.h"
#include "scripted_portal.h"
#include "temporary_directory.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

const std::string kAccount =
    "{\"user\":\"alice\",\"now\":1000,\"ends_at\":2000,\"session_ends_at\":1500,\"clusters\":[{"
    "\"name\":\"prod\",\"server\":\"https://prod.example.com\",\"issuer\":\"" +
    std::string(kIssuer) + "\",\"client_id\":\"kubernetes\"}]}";

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() { EXPECT_TRUE(state_.make_folder_of(host_)); }

  void signed_in(const std::string& token = "own-1") {
    SignIn sign_in;
    sign_in.issuer = kIssuer;
    sign_in.account_endpoint = "https://k8sou.example.com/api/account";
    sign_in.sign_out_endpoint = "https://k8sou.example.com/api/sign_out";
    sign_in.authority_pem = "PEM";
    sign_in.user = "alice";
    sign_in.refresh_token = {Secret(token)};
    ASSERT_TRUE(state_.save(host_, sign_in));
  }
  void kept(const std::string& token, Seconds age, const std::string& refresh = "family-1") {
    Credential credential;
    credential.issuer = kIssuer;
    credential.client_id = "kubernetes";
    credential.id_token = Secret(token);
    credential.life = Seconds(60);
    credential.received = {"boot-1", clock_.time.since - Millis(age)};
    credential.refresh_token = {Secret(refresh)};
    ASSERT_TRUE(state_.save(host_, "prod", credential));
  }
  void answer(http::Response response) { portal_.answers.emplace_back(std::move(response)); }
  std::string kept_refresh_token() {
    return std::string(state_.sign_in(host_).value()->refresh_token.plain.reveal());
  }

  TemporaryDirectory directory_;
  State state_{directory_.path() + "/state"};
  Host host_{"k8sou.example.com", 443};
  FixedBootClock clock_;
  ScriptedPortal portal_;
  int connected_ = 0;
  net::Runtime runtime_{1};
  Keeper keeper_{runtime_, state_, clock_,
                 [this](const std::string& authority) -> Result<std::unique_ptr<PortalClient>> {
                   EXPECT_EQ(authority, "PEM");
                   ++connected_;
                   return std::make_unique<PortalClient>(portal_.fetch(), "build-7", clock_);
                 },
                 Vault(nullptr, "")};
};

TEST_F(KeeperTest, PrintsWhatIsKeptWithoutAskingAnybody) {
  kept("kept", Seconds(10));
  // Nobody is signed in, and another process holds the lock: neither matters.
  const auto lock = FileLock::try_take(state_.lock_file(host_)).value();
  ASSERT_TRUE(lock);
  EXPECT_EQ(keeper_.credential(host_, "prod").value().id_token.reveal(), "kept");
  EXPECT_EQ(connected_, 0);
}

TEST_F(KeeperTest, RefreshesAheadOfTheEnd) {
  signed_in();
  kept("kept", Seconds(46));  // 14 s are left
  answer(tokens_response("kubernetes", "family-2"));
  const Credential renewed = keeper_.credential(host_, "prod").value();
  EXPECT_EQ(renewed.id_token.reveal(), jwt("kubernetes"));
  ASSERT_EQ(portal_.asked.size(), 1u);
  EXPECT_EQ(portal_.asked[0].url.text(), std::string(kIssuer) + "/token");
  EXPECT_EQ(portal_.form(0).value("grant_type"), "refresh_token");
  EXPECT_EQ(portal_.form(0).value("refresh_token"), "family-1");
  EXPECT_EQ(portal_.form(0).value("client_id"), "kubernetes");
  const auto now_kept = state_.credential(host_, "prod").value();
  EXPECT_EQ(now_kept->refresh_token.plain.reveal(), "family-2");
  EXPECT_EQ(now_kept->left(clock_.now()), Millis(60'000));
}

TEST_F(KeeperTest, ExchangesTheSignInWhereThereIsNothingOfTheCluster) {
  signed_in();
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(json_response(200, kAccount));
  answer(tokens_response("kubernetes", "family-1"));
  EXPECT_EQ(keeper_.credential(host_, "prod").value().refresh_token.plain.reveal(), "family-1");
  ASSERT_EQ(portal_.asked.size(), 3u);
  EXPECT_EQ(portal_.form(0).value("client_id"), "kubectl-oulogin");
  EXPECT_EQ(portal_.asked[1].headers.get("authorization"), "Bearer access-own-2");
  EXPECT_EQ(portal_.form(2).value("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
  EXPECT_EQ(portal_.form(2).value("subject_token"), "access-own-2");
  EXPECT_EQ(portal_.form(2).value("client_id"), "kubernetes");
  EXPECT_EQ(portal_.form(2).value("device_name"), "build-7");
  EXPECT_EQ(portal_.form(2).get("kept_by"), std::nullopt);
  EXPECT_EQ(kept_refresh_token(), "own-2");
}

TEST_F(KeeperTest, ExchangesAnewWhereTheFamilyIsOver) {
  signed_in();
  kept("kept", Seconds(60));
  answer(refusal("invalid_grant"));
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(json_response(200, kAccount));
  answer(tokens_response("kubernetes", "family-9"));
  EXPECT_EQ(keeper_.credential(host_, "prod").value().refresh_token.plain.reveal(), "family-9");
}

TEST_F(KeeperTest, SaysThatTheSignInIsOverAndForgetsItsTokenButNotThePortal) {
  signed_in();
  kept("kept", Seconds(60));
  answer(refusal("invalid_grant"));
  answer(refusal("invalid_grant"));
  const auto credential = keeper_.credential(host_, "prod");
  ASSERT_FALSE(credential);
  EXPECT_TRUE(credential.error().is(Errc::sign_in_needed)) << credential.error().message();
  EXPECT_EQ(kept_refresh_token(), "");
  EXPECT_EQ(state_.sign_in(host_).value()->authority_pem, "PEM");
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  // And the next asks nobody.
  ASSERT_FALSE(keeper_.credential(host_, "prod"));
  EXPECT_EQ(portal_.asked.size(), 2u);
}

TEST_F(KeeperTest, UsesWhatIsLeftWhereThePortalIsAway) {
  signed_in();
  kept("kept", Seconds(50));
  EXPECT_EQ(keeper_.credential(host_, "prod").value().id_token.reveal(), "kept");
  kept("kept", Seconds(60));
  const auto over = keeper_.credential(host_, "prod");
  ASSERT_FALSE(over);
  EXPECT_TRUE(over.error().is(Errc::unreachable));
  EXPECT_EQ(state_.credential(host_, "prod").value()->refresh_token.plain.reveal(), "family-1")
      << "a portal that is away ended the session";
}

TEST_F(KeeperTest, AnErrorOfThePortalEndsNoSession) {
  signed_in();
  kept("kept", Seconds(60));
  for (const int status : {500, 503, 429}) {
    answer(json_response(status, "{}"));
    const auto credential = keeper_.credential(host_, "prod");
    ASSERT_FALSE(credential);
    EXPECT_TRUE(credential.error().is(Errc::unreachable)) << status;
  }
  EXPECT_EQ(state_.credential(host_, "prod").value()->refresh_token.plain.reveal(), "family-1");
  EXPECT_EQ(kept_refresh_token(), "own-1");
}

TEST_F(KeeperTest, KnowsNoClusterThatTheAccountHasNot) {
  signed_in();
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(json_response(200, kAccount));
  const auto credential = keeper_.credential(host_, "staging");
  ASSERT_FALSE(credential);
  EXPECT_TRUE(credential.error().is(Errc::no_cluster));
}

TEST_F(KeeperTest, ADamagedCredentialIsMadeAnew) {
  signed_in();
  kept("kept", Seconds(10));
  ASSERT_EQ(::truncate(state_.credential_file(host_, "prod").c_str(), 20), 0);
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(json_response(200, kAccount));
  answer(tokens_response("kubernetes", "family-1"));
  EXPECT_TRUE(keeper_.credential(host_, "prod"));
}

TEST_F(KeeperTest, ANewSignInForgetsTheCredentialsOfTheFormer) {
  kept("of bob", Seconds(1));
  SignIn sign_in;
  sign_in.user = "alice";
  sign_in.refresh_token = {Secret("own-1")};
  ASSERT_TRUE(keeper_.keep(host_, sign_in, {}, "access", {}));
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  EXPECT_EQ(kept_refresh_token(), "own-1");
}

TEST_F(KeeperTest, ANewSignInRevokesTheOneThatItReplaces) {
  SignIn sign_in;
  sign_in.issuer = kIssuer;
  sign_in.authority_pem = "PEM";
  sign_in.refresh_token = {Secret("own-2")};
  for (const bool works : {true, false}) {
    signed_in();
    kept("kept", Seconds(1));
    portal_.asked.clear();
    if (works) {
      // What the portal says doesn't matter.
      answer(json_response(200, ""));
      answer(json_response(500, ""));
    }
    ASSERT_TRUE(keeper_.keep(host_, sign_in, {}, "access", {}));
    EXPECT_EQ(kept_refresh_token(), "own-2");
    EXPECT_FALSE(state_.credential(host_, "prod").value());
    ASSERT_EQ(portal_.asked.size(), works ? 2u : 1u) << "one that is away is asked once";
    EXPECT_EQ(portal_.asked[0].url.text(), std::string(kIssuer) + "/revoke");
    EXPECT_EQ(portal_.form(0).value("token"), "own-1");
    EXPECT_EQ(portal_.form(0).value("client_id"), "kubectl-oulogin");
    if (!works) continue;
    EXPECT_EQ(portal_.form(1).value("token"), "family-1");
    EXPECT_EQ(portal_.form(1).value("client_id"), "kubernetes");
  }
  // One that is over already has nothing to revoke.
  signed_in("");
  portal_.asked.clear();
  ASSERT_TRUE(keeper_.keep(host_, sign_in, {}, "access", {}));
  EXPECT_TRUE(portal_.asked.empty());
}

// A sign-in comes with an access token and the account: neither is asked for again.
TEST_F(KeeperTest, WhatASignInBroughtServesTheSameProcess) {
  SignIn sign_in;
  sign_in.issuer = kIssuer;
  sign_in.authority_pem = "PEM";
  sign_in.refresh_token = {Secret("own-1")};
  Account account;
  account.user = "alice";
  account.clusters = {{.name = "prod", .issuer = kIssuer, .client_id = "kubernetes"}};
  ASSERT_TRUE(keeper_.keep(host_, sign_in, {}, "access-1", account));
  answer(tokens_response("kubernetes", "family-1"));
  EXPECT_EQ(keeper_.account(host_).value().user, "alice");
  EXPECT_TRUE(keeper_.credential(host_, "prod"));
  ASSERT_EQ(portal_.asked.size(), 1u);
  EXPECT_EQ(portal_.form(0).value("subject_token"), "access-1");
  // Of this portal only.
  const auto other = keeper_.account(Host{"other.example.com", 443});
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(Errc::sign_in_needed));
}

// The portal is patient with kubectl's built-in provider, and must know that it is for that.
TEST_F(KeeperTest, WhatKubectlKeepsItselfIsAskedForAsSuchAndNotKept) {
  signed_in();
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(tokens_response("kubernetes", "family-1"));
  ClusterAccess cluster;
  cluster.name = "prod";
  cluster.issuer = kIssuer;
  cluster.client_id = "kubernetes";
  EXPECT_EQ(keeper_.hand_over(host_, cluster).value().refresh_token.reveal(), "family-1");
  EXPECT_EQ(portal_.form(1).value("kept_by"), "kubectl");
  EXPECT_FALSE(state_.credential(host_, "prod").value());
}

TEST_F(KeeperTest, SigningOutRevokesEveryFamilyAndForgetsThem) {
  signed_in();
  kept("kept", Seconds(1));
  answer(json_response(200, ""));
  answer(json_response(200, ""));
  ASSERT_TRUE(keeper_.sign_out(host_, false));
  ASSERT_EQ(portal_.asked.size(), 2u);
  EXPECT_EQ(portal_.form(0).value("token"), "family-1");
  EXPECT_EQ(portal_.form(1).value("token"), "own-1");
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  EXPECT_EQ(kept_refresh_token(), "");
}

TEST_F(KeeperTest, SigningOutForgetsAlsoWhereThePortalIsAway) {
  signed_in();
  kept("kept", Seconds(1));
  const auto ended = keeper_.sign_out(host_, false);
  ASSERT_FALSE(ended);
  EXPECT_TRUE(ended.error().is(Errc::unreachable));
  EXPECT_FALSE(state_.credential(host_, "prod").value());
  EXPECT_EQ(kept_refresh_token(), "");
}

TEST_F(KeeperTest, SigningOutOfEverythingAsksThePortalForThat) {
  signed_in();
  answer(tokens_response("kubectl-oulogin", "own-2"));
  answer(http::Response{204, {}, "", {}});
  ASSERT_TRUE(keeper_.sign_out(host_, true));
  ASSERT_EQ(portal_.asked.size(), 2u);
  EXPECT_EQ(portal_.asked[1].url.path, "/api/sign_out");
  EXPECT_EQ(portal_.asked[1].headers.get("authorization"), "Bearer access-own-2");
}

TEST(LeastLeft, IsAQuarterOfTheLifeAndAtMostFifteenSeconds) {
  EXPECT_EQ(least_left(Seconds(60)), Millis(15'000));
  EXPECT_EQ(least_left(Seconds(3'600)), Millis(15'000));
  EXPECT_EQ(least_left(Seconds(20)), Millis(5'000));
}

TEST(ExecCredential, IsStampedByThisMachinesClockWhateverItShows) {
  Credential credential;
  credential.id_token = Secret("a.b.c");
  credential.received = {"boot-1", Millis(0)};
  credential.life = Seconds(60);
  const WallTime wrong = from_unix_seconds(1'000'000'000);
  const auto text = exec_credential(credential, {"boot-1", Millis(10'000)}, wrong);
  const auto json = text::Json::parse(text).value();
  EXPECT_EQ(*json.find_string("apiVersion"), "client.authentication.k8s.io/v1");
  EXPECT_EQ(*json.find_string("kind"), "ExecCredential");
  EXPECT_EQ(*json.find("status")->find_string("token"), "a.b.c");
  // 50 s are left, and it is said 10 s early.
  EXPECT_EQ(*json.find("status")->find_string("expirationTimestamp"), rfc3339(wrong + Seconds(40)));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

}  // namespace
}  // namespace openunison::cli
