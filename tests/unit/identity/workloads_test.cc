// SPDX-License-Identifier: Apache-2.0
//
// Programs that come with a token of another issuer: who is let in, under which name, and how often
// the issuer is asked for its keys.
#include "identity/workloads.h"

#include <gmock/gmock.h>

#include <memory>

#include "failed_with.h"
#include "fake_provider.h"

namespace openunison::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSubject = "system:serviceaccount:ci:builder";

class WorkloadsTest : public ::testing::Test {
 protected:
  WorkloadsTest() {
    config::Workload ci;
    ci.name = "ci";
    ci.issuer = "https://idp.example";
    ci.audience = "openunison";
    ci.subjects = {"system:serviceaccount:ci:*"};
    ci.username_prefix = "job:";
    ci.groups = {"deployers", "builders", "deployers"};
    ci.clusters = {"demo"};
    values_->workloads = {ci};
    provider_.metadata =
        json(R"({"issuer":"https://idp.example","jwks_uri":"https://idp.example/keys"})");
  }
  config::Workload& entry() { return values_->workloads.front(); }
  Workloads& workloads() {
    if (!workloads_)
      workloads_ = std::make_unique<Workloads>(values_, provider_.fetcher(), &clock_);
    return *workloads_;
  }
  // What a service account's token has; a change to null takes a claim away.
  text::Json claims(std::string_view changes = "{}") {
    const std::int64_t now = unix_seconds(clock_.now());
    text::Json all;
    all.set("iss", "https://idp.example");
    all.set("sub", kSubject);
    all.set("aud", text::Json(text::Json::Array{"openunison"}));
    all.set("iat", now);
    all.set("nbf", now);
    all.set("exp", now + 600);
    const text::Json changed = json(changes);
    for (const auto& [name, value] : *changed.object()) all.set(name, value);
    std::erase_if(*all.object(), [](const auto& member) { return member.second.is_null(); });
    return all;
  }
  std::string token(std::string_view changes = "{}", std::string_view type = "") {
    return provider_.sign(claims(changes), type);
  }
  Result<Admitted> admit(std::string token, std::string cluster = "demo") {
    return runtime_.block_on(
        workloads().admit(std::move(token), std::move(cluster), net::in(Seconds(5))));
  }

  ManualClock clock_;
  FakeProvider provider_{clock_};
  std::shared_ptr<config::Values> values_ = std::make_shared<config::Values>();
  net::Runtime runtime_{1};
  std::unique_ptr<Workloads> workloads_;
};

TEST_F(WorkloadsTest, AServiceAccountIsLetInUnderAPrefixedName) {
  const auto admitted = admit(token());
  ASSERT_TRUE(admitted) << admitted.error().message();
  EXPECT_EQ(admitted->workload(), "ci");
  EXPECT_EQ(admitted->issuer(), "https://idp.example");
  EXPECT_EQ(admitted->subject(), kSubject);
  EXPECT_EQ(admitted->user(), "job:system:serviceaccount:ci:builder");
  EXPECT_THAT(admitted->groups(), ElementsAre("builders", "deployers"));
  EXPECT_EQ(admitted->expires_at(), clock_.now() + Seconds(600));
  EXPECT_TRUE(workloads().any_for("demo"));
  EXPECT_FALSE(workloads().any_for("prod"));
}

TEST_F(WorkloadsTest, WhatATokenMustHave) {
  struct Case {
    const char* changes;
    std::optional<Errc> error;
    const char* says = "";
    const char* type = "";
  };
  for (const Case& each : {
           Case{R"({"aud":"openunison"})", {}},
           Case{R"({"aud":["https://kubernetes.default.svc","openunison"]})", {}},
           Case{"{}", {}, "", "JWT"},
           Case{R"({"iat":null,"nbf":null})", {}},
           Case{R"({"aud":null})", Errc::not_allowed},
           Case{R"({"aud":[]})", Errc::not_allowed},
           Case{R"({"aud":"OpenUnison"})", Errc::not_allowed, "OpenUnison"},
           Case{R"({"aud":["https://kubernetes.default.svc"]})", Errc::not_allowed},
           Case{R"({"aud":7})", Errc::bad_response},
           Case{R"({"exp":null})", Errc::bad_response, "exp"},
           Case{R"({"exp":"1800000000"})", Errc::bad_response},
           Case{R"({"exp":1700000000})", Errc::bad_response, "expired"},
           Case{R"({"exp":1699999990})", Errc::bad_response, "expired"},
           Case{R"({"exp":1600000000})", Errc::bad_response, "expired"},
           Case{R"({"nbf":1700000100})", Errc::bad_response},
           Case{R"({"iat":1700000100})", Errc::bad_response},
           Case{R"({"iss":"https://idp.example/"})", Errc::bad_response, "issuer"},
           Case{R"({"iss":"https://evil.example"})", Errc::bad_response, "issuer"},
           Case{R"({"iss":null})", Errc::bad_response, "issuer"},
           Case{R"({"sub":null})", Errc::bad_response, "sub"},
           Case{R"({"sub":7})", Errc::bad_response, "sub"},
           Case{R"({"sub":""})", Errc::not_allowed},
           Case{R"({"sub":"system:serviceaccount:ci2:builder"})", Errc::not_allowed, "ci2"},
           Case{R"({"sub":"x system:serviceaccount:ci:builder"})", Errc::not_allowed},
           Case{R"({"sub":"system:serviceaccount:CI:builder"})", Errc::not_allowed},
           Case{R"({"sub":"system:serviceaccount:ci:a\nb"})", Errc::bad_name},
           Case{R"({"sub":"system:serviceaccount:ci:builder "})", Errc::bad_name},
           Case{"{}", Errc::bad_response, "typ", "logout+jwt"},
           Case{"{}", Errc::bad_response, "typ", "at+jwt"},
       }) {
    const auto admitted = admit(token(each.changes, each.type));
    if (!each.error) {
      EXPECT_TRUE(admitted) << each.changes << admitted.error().message();
    } else {
      EXPECT_TRUE(failed_with(admitted, *each.error)) << each.changes;
      if (!admitted) EXPECT_THAT(admitted.error().message(), HasSubstr(each.says)) << each.changes;
    }
  }
}

TEST_F(WorkloadsTest, ASubjectOfTooManyBytesIsNoName) {
  const std::string subject = "system:serviceaccount:ci:" + std::string(231, 'a');
  EXPECT_TRUE(failed_with(admit(token(R"({"sub":")" + subject + "\"}")), Errc::bad_name));
}

TEST_F(WorkloadsTest, NobodyIsLetInByAnEntryWithoutSubjectsOrForAnotherCluster) {
  EXPECT_TRUE(failed_with(admit(token(), "prod"), Errc::not_allowed));
  EXPECT_TRUE(failed_with(admit(token(), ""), Errc::not_allowed));
  entry().subjects.clear();
  EXPECT_TRUE(failed_with(admit(token()), Errc::not_allowed));
  entry().subjects = {""};
  EXPECT_TRUE(failed_with(admit(token()), Errc::not_allowed));
  values_->workloads.clear();
  workloads_.reset();
  EXPECT_TRUE(failed_with(admit(token()), Errc::bad_response));
  EXPECT_EQ(provider_.requests.size(), 2u) << "once for the entry that was there";
}

TEST_F(WorkloadsTest, ClaimsMustBeThereWithExactlyTheirValues) {
  entry().subjects = {"*"};
  entry().claims = {{"repository", "org/app"}, {"protected", "true"}};
  struct Case {
    const char* changes;
    bool admitted;
  };
  for (const Case& each : {
           Case{R"({"repository":"org/app","protected":"true"})", true},
           Case{R"({"repository":"org/app","protected":true})", true},
           Case{R"({"repository":"org/app"})", false},
           Case{R"({"repository":"org/app","protected":false})", false},
           Case{R"({"repository":"org/app2","protected":true})", false},
           Case{R"({"repository":"org/ap","protected":true})", false},
           Case{R"({"repository":"ORG/app","protected":true})", false},
           Case{R"({"repository":["org/app"],"protected":true})", false},
           Case{R"({"repository":{"org/app":1},"protected":true})", false},
           Case{R"({"repository":"org/app","protected":1})", false},
           Case{R"({"Repository":"org/app","protected":true})", false},
       }) {
    EXPECT_EQ(admit(token(each.changes)).has_value(), each.admitted) << each.changes;
  }
}

TEST_F(WorkloadsTest, TheFirstEntryThatFitsGivesTheName) {
  config::Workload second = entry();
  second.name = "deploy";
  second.subjects = {kSubject};
  second.username_prefix = "deploy:";
  second.groups = {"admins"};
  second.audience = "openunison-deploy";
  second.clusters = {"prod"};
  values_->workloads.push_back(second);
  EXPECT_EQ(admit(token())->user(), "job:system:serviceaccount:ci:builder");
  EXPECT_TRUE(failed_with(admit(token(), "prod"), Errc::not_allowed)) << "another audience";
  const auto other = admit(token(R"({"aud":"openunison-deploy"})"), "prod");
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ(other->user(), "deploy:system:serviceaccount:ci:builder");
  EXPECT_THAT(other->groups(), ElementsAre("admins"));
  EXPECT_EQ(provider_.count("/keys"), 1) << "one issuer, whatever the number of entries";
}

TEST_F(WorkloadsTest, WhereATokenLetsItsProgramIn) {
  for (const char* name : {"demo", "prod", "lab"}) {
    config::Cluster cluster;
    cluster.name = name;
    values_->clusters.push_back(cluster);
  }
  config::Workload second = entry();
  second.subjects = {kSubject};
  second.username_prefix = "deploy:";
  second.clusters = {"lab", "demo"};
  values_->workloads.push_back(second);
  const auto entrances = [&](std::string_view changes = "{}") {
    return runtime_.block_on(workloads().entrances(token(changes), net::in(Seconds(5))));
  };
  const auto found = entrances();
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].cluster, "demo");
  EXPECT_EQ((*found)[0].admitted.user(), "job:system:serviceaccount:ci:builder");
  EXPECT_EQ((*found)[1].cluster, "lab");
  EXPECT_EQ((*found)[1].admitted.user(), "deploy:system:serviceaccount:ci:builder");
  const auto other = entrances(R"({"sub":"system:serviceaccount:ci:other"})");
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ(other->size(), 1u) << "only the first entry fits";
  EXPECT_TRUE(failed_with(entrances(R"({"aud":"vault"})"), Errc::not_allowed));
  EXPECT_TRUE(failed_with(entrances(R"({"exp":1600000000})"), Errc::bad_response));
}

TEST_F(WorkloadsTest, ARefusalNamesTheClaimThatTheClosestEntryMisses) {
  entry().claims = {{"ref", "refs/heads/main"}};
  config::Workload second = entry();
  second.audience = "another";
  second.subjects = {"system:serviceaccount:prod:*"};
  second.claims.clear();
  values_->workloads.push_back(second);
  struct Case {
    const char* changes;
    const char* says;
  };
  for (const Case& each :
       {Case{R"({"aud":["a","b"]})", "audience (aud) is a, b"},
        Case{R"({"sub":"system:serviceaccount:prod:x"})",
             "subject (sub) is system:serviceaccount:prod:x"},
        Case{"{}", "claim ref isn't"}, Case{R"({"ref":"refs/heads/evil"})", "claim ref isn't"},
        Case{R"({"aud":"another"})", "subject (sub) is system:serviceaccount:ci:builder"}}) {
    const auto refused = admit(token(each.changes));
    ASSERT_TRUE(failed_with(refused, Errc::not_allowed)) << each.changes;
    EXPECT_THAT(refused.error().message(), HasSubstr(each.says)) << each.changes;
    for (const char* wanted : {"openunison,", "main", "ci:*", "prod:*"})
      EXPECT_THAT(refused.error().message(), ::testing::Not(HasSubstr(wanted))) << "not told";
  }
  const auto elsewhere = admit(token(R"({"ref":"refs/heads/main"})"), "prod");
  EXPECT_THAT(elsewhere.error().message(), HasSubstr("for other clusters than prod"));
}

// Values refuse these; what values don't see is refused here.
TEST_F(WorkloadsTest, SystemNamesAreNotGivenOut) {
  entry().subjects = {"*"};
  entry().username_prefix = "sys";
  EXPECT_TRUE(failed_with(admit(token(R"({"sub":"tem:masters"})")), Errc::bad_name));
  entry().username_prefix = "";
  EXPECT_TRUE(failed_with(admit(token()), Errc::bad_name));
  entry().username_prefix = "job:";
  entry().groups = {"system:masters"};
  EXPECT_TRUE(failed_with(admit(token()), Errc::bad_name));
  entry().groups = {"Ｓystem:masters"};
  EXPECT_TRUE(failed_with(admit(token()), Errc::bad_name));
  entry().groups = {"system:monitoring"};
  values_->authentication.allowed_system_names = {"system:monitoring"};
  EXPECT_TRUE(admit(token()));
}

// --- Signatures ---

TEST_F(WorkloadsTest, ATokenThatTheIssuerDidNotSignIsRefused) {
  const std::string good = token();
  provider_.published = {0};
  const auto forged = [&](std::string_view header, std::string_view signature) {
    return provider_.forged(header, claims(), signature);
  };
  const std::string jwks = provider_.jwks();
  std::string changed = good;
  changed.back() = changed.back() == 'A' ? 'Q' : 'A';
  std::string other_claims = provider_.sign(claims(R"({"sub":"someone"})"), "");
  const std::size_t first = good.find('.'), second = good.find('.', first + 1);
  other_claims = good.substr(0, first) + other_claims.substr(other_claims.find('.'));
  other_claims = other_claims.substr(0, other_claims.rfind('.')) + good.substr(second);
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string("a.b.c"), good.substr(0, second + 1), changed,
        other_claims, good + ".", forged(R"({"alg":"none","kid":"k0"})", ""),
        forged(R"({"alg":"None","kid":"k0"})", ""), forged(R"({"kid":"k0"})", "x"),
        // The published key as if it were a secret.
        forged(R"({"alg":"HS256","kid":"k0"})", crypto::view(crypto::hmac_sha256(jwks, "x"))),
        forged(R"({"alg":"RS256","kid":"k0"})", std::string(256, 'x')),
        forged(R"({"alg":"ES384","kid":"k0"})", std::string(96, 'x')),
        forged(R"({"alg":"ES256","kid":"k0"})", std::string(64, '\0')),
        forged(R"({"alg":"ES256","kid":"k0","crit":["exp"]})", std::string(64, 'x')),
        std::string(70'000, 'a')}) {
    EXPECT_TRUE(failed_with(admit(bad), Errc::bad_response)) << bad.substr(0, 60);
  }
  EXPECT_TRUE(admit(good));
}

TEST_F(WorkloadsTest, Rs256IsTakenWithAnRsaKeyOnly) {
  const auto rsa = *crypto::PrivateKey::generate(crypto::Algorithm::rs256);
  const std::string jwks = jose::JwkSet({{rsa.public_key(), "r", {}}}).dump();
  provider_.scripts["/keys"] = [jwks](const http::ClientRequest&) { return reply(200, jwks); };
  const auto sign = [&](const crypto::PrivateKey& key, crypto::Algorithm algorithm) {
    return jose::Signer(key, algorithm, "r").sign(claims().dump());
  };
  EXPECT_TRUE(admit(sign(rsa, crypto::Algorithm::rs256)));
  EXPECT_TRUE(failed_with(admit(sign(test_key(0), crypto::Algorithm::es256)), Errc::bad_response));
}

// --- Keys ---

TEST_F(WorkloadsTest, KeysAreFoundByDiscoveryOrWhereValuesSayAndAskedForOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(admit(token()));
  EXPECT_EQ(provider_.count("/.well-known/openid-configuration"), 1);
  EXPECT_EQ(provider_.count("/keys"), 1);
  EXPECT_FALSE(provider_.last("/keys").headers.contains("authorization"));
  EXPECT_THAT(std::string(*provider_.last("/keys").headers.get("accept")),
              HasSubstr("application/jwk-set+json"))
      << "kube-apiserver answers 406 otherwise";

  entry().jwks_uri = "https://idp.example/openid/v1/jwks";
  provider_.scripts["/openid/v1/jwks"] = [this](const http::ClientRequest&) {
    return reply(200, provider_.jwks());
  };
  workloads_.reset();
  EXPECT_TRUE(admit(token()));
  EXPECT_EQ(provider_.count("/.well-known/openid-configuration"), 1) << "not asked";
  EXPECT_EQ(provider_.count("/openid/v1/jwks"), 1);
}

TEST_F(WorkloadsTest, OnlyIssuersOfValuesAreAsked) {
  provider_.issuer = "https://evil.example";
  EXPECT_FALSE(admit(token(R"({"iss":"https://evil.example"})")));
  EXPECT_FALSE(admit("not.a.token"));
  EXPECT_TRUE(provider_.requests.empty());
}

TEST_F(WorkloadsTest, DiscoveryThatCanNotBeUsedLetsNobodyIn) {
  struct Case {
    const char* document;
    const char* says;
  };
  for (const Case& each :
       {Case{R"({"issuer":"https://idp.example/","jwks_uri":"https://idp.example/keys"})",
             "another issuer"},
        Case{R"({"issuer":"https://evil.example","jwks_uri":"https://idp.example/keys"})",
             "another issuer"},
        Case{R"({"jwks_uri":"https://idp.example/keys"})", "another issuer"},
        Case{R"({"issuer":"https://idp.example"})", "names no keys"},
        Case{R"({"issuer":"https://idp.example","jwks_uri":"http://idp.example/keys"})", "https"},
        Case{R"({"issuer":"https://idp.example","jwks_uri":"file:///etc/passwd"})", "https"},
        Case{"[]", "another issuer"}, Case{"", "another issuer"}}) {
    provider_ = FakeProvider(clock_);
    provider_.scripts["/.well-known/openid-configuration"] =
        [document = std::string(each.document)](const http::ClientRequest&) {
          return reply(200, document);
        };
    workloads_.reset();
    const auto admitted = admit(token());
    EXPECT_TRUE(failed_with(admitted, Errc::unreachable)) << each.document;
    if (!admitted) EXPECT_THAT(admitted.error().message(), HasSubstr(each.says)) << each.document;
    EXPECT_EQ(provider_.count("/keys"), 0) << each.document;
  }
}

TEST_F(WorkloadsTest, KeysThatCanNotBeHadOrUsedLetNobodyInAndAreNotAskedForInAStorm) {
  for (const int status : {302, 404, 500}) {
    provider_ = FakeProvider(clock_);
    provider_.metadata =
        json(R"({"issuer":"https://idp.example","jwks_uri":"https://idp.example/keys"})");
    provider_.scripts["/keys"] = [status](const http::ClientRequest&) {
      return reply(status, "{}");
    };
    workloads_.reset();
    for (int i = 0; i < 20; ++i)
      EXPECT_TRUE(failed_with(admit(token()), Errc::unreachable)) << status;
    EXPECT_EQ(provider_.count("/keys"), 1) << "the others wait for a second to pass";
    clock_.advance(Seconds(1));
    EXPECT_FALSE(admit(token()));
    EXPECT_EQ(provider_.count("/keys"), 2);
    // And it goes on by itself.
    provider_.scripts.clear();
    clock_.advance(Seconds(10));
    EXPECT_TRUE(admit(token())) << status;
  }
}

TEST_F(WorkloadsTest, AProbeNamesThoseWhoseKeysCanNotBeHad) {
  config::Workload other = entry();
  other.name = "away";
  other.issuer = "https://idp.example/away";
  values_->workloads.push_back(other);
  const auto unreachable = runtime_.block_on(workloads().probe(Seconds(5)));
  ASSERT_EQ(unreachable.size(), 1u);
  EXPECT_EQ(unreachable[0].first, "away");
  EXPECT_THAT(unreachable[0].second.message(), HasSubstr("status 404"));
}

TEST_F(WorkloadsTest, AStormOfTokensWithUnknownKeysIsNoStormOfFetches) {
  EXPECT_TRUE(admit(token()));
  provider_.kid = "k9";
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(failed_with(admit(token()), Errc::bad_response));
  EXPECT_EQ(provider_.count("/keys"), 2);
  clock_.advance(Seconds(29));
  EXPECT_FALSE(admit(token()));
  EXPECT_EQ(provider_.count("/keys"), 2);
  clock_.advance(Seconds(1));
  EXPECT_FALSE(admit(token()));
  EXPECT_EQ(provider_.count("/keys"), 3);
}

TEST_F(WorkloadsTest, ANewKeyIsFetchedAndAnOldOneForgotten) {
  EXPECT_TRUE(admit(token()));
  const std::string old = token(R"({"exp":1800000000})");
  provider_.published = {1};
  provider_.key = 1;
  provider_.kid = "k1";
  EXPECT_TRUE(admit(token()));
  EXPECT_EQ(provider_.count("/keys"), 2);
  EXPECT_TRUE(failed_with(admit(old), Errc::bad_response));
}

// Comes with a token, and says what became of it.
Task<void> come(Workloads* workloads, std::string token, net::Deadline deadline,
                std::vector<std::string>* outcomes) {
  auto admitted = co_await workloads->admit(std::move(token), "demo", deadline);
  outcomes->push_back(admitted ? "admitted" : admitted.error().message());
}
Task<void> open_after(net::Completion* gate, Millis wait, const std::vector<std::string>* outcomes,
                      std::size_t expected) {
  co_await net::sleep_until(net::in(wait));
  gate->complete();
  for (int i = 0; i < 500 && outcomes->size() < expected; ++i)
    co_await net::sleep_until(net::in(Millis(5)));
}

TEST_F(WorkloadsTest, OneFetchServesAllWhoCameMeanwhile) {
  net::Completion gate;
  provider_.gate = &gate;
  std::vector<std::string> outcomes;
  for (int i = 0; i < 20; ++i)
    runtime_.spawn(0, come(&workloads(), token(), net::in(Seconds(5)), &outcomes));
  runtime_.block_on(open_after(&gate, Millis(20), &outcomes, 20));
  EXPECT_THAT(outcomes, ::testing::AllOf(::testing::SizeIs(20), ::testing::Each("admitted")));
  EXPECT_EQ(provider_.count("/keys"), 1);
}

TEST_F(WorkloadsTest, WhoWaitsForAnIssuerThatSaysNothingIsAnsweredInTime) {
  net::Completion gate;
  provider_.gate = &gate;
  std::vector<std::string> outcomes;
  runtime_.spawn(0, come(&workloads(), token(), net::in(Seconds(10)), &outcomes));
  runtime_.spawn(0, come(&workloads(), token(), net::in(Millis(10)), &outcomes));
  runtime_.block_on(open_after(&gate, Millis(200), &outcomes, 2));
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_THAT(outcomes[0], HasSubstr("didn't answer in time"));
  EXPECT_EQ(outcomes[1], "admitted");
}

}  // namespace
}  // namespace openunison::identity
