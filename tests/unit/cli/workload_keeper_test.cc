// SPDX-License-Identifier: Apache-2.0
#include "cli/workload_keeper.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "cli/machine.h"
#include "scripted_portal.h"
#include "temporary_directory.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kIdToken = "urn:ietf:params:oauth:token-type:id_token";
const std::string kWellKnown =
    "{\"version\":1,\"name\":\"Acme\",\"portal\":\"https://k8sou.example.com\","
    "\"workload_endpoint\":\"https://k8sou.example.com/api/workload\"}";
const std::string kAccount =
    "{\"now\":1000,\"issuer\":\"https://ci.example\",\"subject\":\"job-1\",\"expires_at\":1600,"
    "\"clusters\":[{\"name\":\"prod\",\"server\":\"https://prod.example.com\",\"issuer\":\"" +
    std::string(kIssuer) + "\",\"client_id\":\"kubernetes\",\"user_in_cluster\":\"ci:job-1\"}]}";

std::string subject(const std::string& who) {
  return "e30." + base64url_encode("{\"sub\":\"" + who + "\"}") + ".c2ln";
}

http::Response given(const std::string& id_token, const std::string& type = kIdToken) {
  return json_response(200, "{\"access_token\":\"" + id_token + "\",\"issued_token_type\":\"" +
                                type + "\",\"token_type\":\"N_A\",\"expires_in\":60}");
}

class WorkloadKeeperTest : public testing::Test {
 protected:
  WorkloadKeeperTest() { put(subject("job-1")); }

  void put(const std::string& token) {
    ::unlink(call_.token_file.c_str());
    std::ofstream(call_.token_file) << token;
  }
  void answer(Result<http::Response> response) { portal_.answers.push_back(std::move(response)); }
  void answer_everything(const std::string& id_token) {
    answer(json_response(200, kWellKnown));
    answer(json_response(200, kAccount));
    answer(given(id_token));
  }
  Result<Credential> credential(const State* state) {
    WorkloadKeeper keeper(runtime_, state, clock_, [this] -> Result<std::unique_ptr<PortalClient>> {
      return std::make_unique<PortalClient>(portal_.fetch(), "", clock_);
    });
    auto credential = keeper.credential(call_);
    not_kept_ = keeper.not_kept();
    return credential;
  }
  Result<Credential> credential() { return credential(&state_); }
  WorkloadState place() const {
    return WorkloadState(state_, call_.host, call_.cluster, call_.token_file);
  }
  void pass(Seconds time) { clock_.time.since += Millis(time); }

  TemporaryDirectory directory_;
  State state_{directory_.path() + "/state"};
  WorkloadCall call_{{"k8sou.example.com", 443}, "prod", directory_.path() + "/token"};
  FixedBootClock clock_;
  ScriptedPortal portal_;
  net::Runtime runtime_{1};
  std::string not_kept_;
};

TEST_F(WorkloadKeeperTest, ExchangesTheTokenOfTheFileAndKeepsWhatItGets) {
  answer_everything(jwt("kubernetes"));
  const auto first = credential();
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->id_token.reveal(), jwt("kubernetes"));
  EXPECT_TRUE(first->refresh_token.empty());
  ASSERT_EQ(portal_.asked.size(), 3u);
  EXPECT_EQ(portal_.asked[1].url.text(), "https://k8sou.example.com/api/workload");
  EXPECT_EQ(portal_.asked[1].headers.get("authorization"), "Bearer " + subject("job-1"));
  EXPECT_EQ(portal_.asked[2].url.text(), std::string(kIssuer) + "/token");
  EXPECT_EQ(portal_.form(2).value("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
  EXPECT_EQ(portal_.form(2).value("client_id"), "kubernetes");
  EXPECT_EQ(portal_.form(2).value("subject_token"), subject("job-1"));
  EXPECT_EQ(portal_.form(2).value("subject_token_type"), "urn:ietf:params:oauth:token-type:jwt");
  EXPECT_EQ(not_kept_, "");

  pass(Seconds(40));
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes")) << "20 s are left";
  EXPECT_EQ(portal_.asked.size(), 3u);
  struct stat facts{};
  ASSERT_EQ(::stat(place().file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  std::ifstream in(place().file());
  const std::string kept((std::istreambuf_iterator<char>(in)), {});
  EXPECT_THAT(kept, Not(HasSubstr(subject("job-1")))) << "the file's own token is nowhere else";
}

TEST_F(WorkloadKeeperTest, ExchangesAheadOfTheEndWithoutLookingAnewWhereTheClusterIs) {
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  pass(Seconds(46));
  answer(given(jwt("kubernetes", ",\"jti\":\"2\"")));
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes", ",\"jti\":\"2\""));
  EXPECT_EQ(portal_.asked.size(), 4u);
}

TEST_F(WorkloadKeeperTest, WhatWasKeptIsForThatTokenAlone) {
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  put(subject("job-2"));
  answer(refusal("invalid_request", 400, "subject_token: no entry takes job-2"));
  const auto other = credential();
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(Errc::token_refused));
  EXPECT_EQ(other.error().message(), "no entry takes job-2");
  EXPECT_EQ(portal_.form(3).value("subject_token"), subject("job-2"));
  // Nor where the portal is away.
  answer(fail(net::Errc::refused, "refused"));
  EXPECT_TRUE(credential().error().is(Errc::unreachable));
  put(subject("job-1"));
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes"));
}

TEST_F(WorkloadKeeperTest, WhatIsLeftIsUsedWhileThePortalIsAway) {
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  pass(Seconds(58));
  answer(fail(net::Errc::refused, "refused"));
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes"));
  pass(Seconds(1));
  answer(fail(net::Errc::refused, "refused"));
  EXPECT_TRUE(credential().error().is(Errc::unreachable));
}

TEST_F(WorkloadKeeperTest, LooksAgainWhereThePortalHasChanged) {
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  pass(Seconds(60));
  answer(refusal("invalid_client", 401));
  answer_everything(jwt("kubernetes", ",\"jti\":\"2\""));
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes", ",\"jti\":\"2\""));
  EXPECT_EQ(portal_.asked.size(), 7u);
}

TEST_F(WorkloadKeeperTest, SendsItsTokenToNoOtherHost) {
  Credential planted;
  planted.issuer = "https://evil.example.com";
  planted.client_id = "kubernetes";
  ASSERT_TRUE(state_.make_folder_of(call_.host));
  ASSERT_TRUE(place().save("other", planted));
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  for (const http::ClientRequest& each : portal_.asked)
    EXPECT_THAT(each.url.text(), testing::StartsWith("https://k8sou.example.com/"));

  ASSERT_TRUE(WorkloadState::forget_all(state_, call_.host));
  std::string elsewhere = kAccount;
  elsewhere.replace(elsewhere.find(kIssuer), 26, "https://evil.example.com/a");
  answer(json_response(200, kWellKnown));
  answer(json_response(200, elsewhere));
  EXPECT_TRUE(credential().error().is(Errc::bad_answer));
}

TEST_F(WorkloadKeeperTest, WorksWithoutAPlaceForState) {
  for (int i = 0; i < 2; ++i) {
    answer_everything(jwt("kubernetes"));
    EXPECT_TRUE(credential(nullptr));
  }
  EXPECT_EQ(portal_.asked.size(), 6u);
  EXPECT_THAT(not_kept_, HasSubstr("no home directory"));

  // A file is where the folder would be; as for a folder on a read-only disk.
  std::ofstream(directory_.path() + "/file") << "x";
  const State blocked(directory_.path() + "/file/state");
  answer_everything(jwt("kubernetes"));
  EXPECT_TRUE(credential(&blocked));
  EXPECT_THAT(not_kept_, HasSubstr("can't be made"));

  ASSERT_TRUE(state_.make_folder_of(call_.host));
  ASSERT_EQ(::chmod(state_.folder_of(call_.host).c_str(), 0755), 0);
  answer_everything(jwt("kubernetes"));
  EXPECT_TRUE(credential());
  EXPECT_THAT(not_kept_, HasSubstr("may be read by others"));
  EXPECT_FALSE(*place().read());
}

TEST_F(WorkloadKeeperTest, AFileOfTheCacheThatIsDamagedIsWrittenAnew) {
  ASSERT_TRUE(state_.make_folder_of(call_.host));
  std::ofstream(place().file()) << "{";
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  EXPECT_TRUE(credential()) << "kept";
}

TEST_F(WorkloadKeeperTest, NamesTheClustersThatThereAre) {
  call_.cluster = "lab";
  answer(json_response(200, kWellKnown));
  answer(json_response(200, kAccount));
  const auto refused = credential();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::no_cluster));
  EXPECT_THAT(refused.error().message(), HasSubstr("job-1 into prod, and not into lab"));
}

TEST_F(WorkloadKeeperTest, TakesNothingFromAPortalThatIsNotForIt) {
  struct Case {
    std::vector<http::Response> answers;
    Errc error;
    const char* says;
  };
  std::string people = kWellKnown;
  people.resize(people.find(",\"workload_endpoint"));
  std::string evil = kWellKnown;
  evil.replace(evil.find("https://k8sou.example.com/api"), 29, "https://evil.example.com/apis");
  for (const Case& each : {
           Case{{json_response(404, "")}, Errc::not_a_portal, "no OpenUnison portal"},
           Case{{json_response(200, people + "}")}, Errc::access_denied, "openunison.workloads"},
           Case{{json_response(200, evil)}, Errc::bad_answer, "another host"},
           Case{{json_response(200, kWellKnown), refusal("invalid_token", 401, "expired")},
                Errc::token_refused,
                "expired"},
           Case{{json_response(200, kWellKnown), refusal("temporarily_unavailable", 503, "keys")},
                Errc::unreachable,
                "keys"},
           Case{{json_response(200, kWellKnown), json_response(200, "{}")}, Errc::bad_answer, "no"},
           Case{{json_response(200, kWellKnown), json_response(200, kAccount),
                 given(jwt("kubernetes"), "urn:ietf:params:oauth:token-type:access_token")},
                Errc::bad_answer,
                "no ID token"},
           Case{{json_response(200, kWellKnown), json_response(200, kAccount), given(jwt("other"))},
                Errc::bad_answer,
                "somebody else"},
           Case{{json_response(200, kWellKnown), json_response(200, kAccount),
                 given(jwt("kubernetes", "", kIssuer, 0))},
                Errc::bad_answer,
                "over before"},
           Case{{json_response(200, kWellKnown), json_response(200, kAccount),
                 refusal("unauthorized_client", 400, "not this client")},
                Errc::access_denied,
                "not this client"},
       }) {
    portal_.answers.assign(each.answers.begin(), each.answers.end());
    const auto refused = credential();
    ASSERT_FALSE(refused) << each.says;
    EXPECT_TRUE(refused.error().is(each.error)) << refused.error().message();
    EXPECT_THAT(refused.error().message(), HasSubstr(each.says));
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("e30.")));
  }
}

TEST_F(WorkloadKeeperTest, FilesAndClustersAreKeptApart) {
  answer_everything(jwt("kubernetes"));
  ASSERT_TRUE(credential());
  const std::string first = call_.token_file;
  call_.token_file = directory_.path() + "/other";
  put(subject("job-2"));
  answer_everything(jwt("kubernetes", ",\"jti\":\"2\""));
  ASSERT_TRUE(credential());
  const auto all = WorkloadState::all(state_, call_.host);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NE(all[0].token_file, all[1].token_file);
  EXPECT_TRUE(state_.clusters(call_.host).empty()) << "they are no person's";
  call_.token_file = first;
  EXPECT_EQ(credential()->id_token.reveal(), jwt("kubernetes"));
  ASSERT_TRUE(WorkloadState::forget_all(state_, call_.host));
  EXPECT_TRUE(WorkloadState::all(state_, call_.host).empty());
}

}  // namespace
}  // namespace openunison::cli
