// SPDX-License-Identifier: Apache-2.0
//
// Token exchange for programs at the endpoint: what they send, what they get, and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;
using ::testing::HasSubstr;

constexpr const char* kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr const char* kJwt = "urn:ietf:params:oauth:token-type:jwt";
constexpr const char* kIdToken = "urn:ietf:params:oauth:token-type:id_token";
constexpr const char* kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr const char* kIssuer = "https://cluster.example";
constexpr const char* kSubject = "system:serviceaccount:ci:builder";

class WorkloadExchange : public ::testing::Test, protected Desk {
 protected:
  WorkloadExchange() {
    config::Workload ci;
    ci.name = "ci";
    ci.issuer = kIssuer;
    ci.jwks_uri = "https://cluster.example/keys";
    ci.audience = "openunison";
    ci.subjects = {"system:serviceaccount:ci:*"};
    ci.username_prefix = "job:";
    ci.groups = {"deployers"};
    ci.clusters = {"demo"};
    values->workloads = {ci};
    const std::string jwks =
        jose::JwkSet({{key_.public_key(), "k", crypto::Algorithm::es256}}).dump();
    key_fetch = [this, jwks](http::ClientRequest) -> Task<Result<http::Response>> {
      ++fetched_;
      if (!reachable_) co_return fail(net::Errc::timed_out, "no answer");
      http::Response response;
      response.body = jwks;
      co_return response;
    };
  }
  std::string job(Seconds life = Seconds(600), const char* subject = kSubject,
                  const char* audience = "openunison") const {
    const std::int64_t now = unix_seconds(clock.now());
    text::Json all;
    all.set("iss", kIssuer);
    all.set("sub", subject);
    all.set("aud", audience);
    all.set("iat", now);
    all.set("exp", now + life.count());
    return jose::Signer(key_, crypto::Algorithm::es256, "k").sign(all.dump());
  }
  Answer exchange(const std::string& subject, const Fields& changes = {},
                  std::string_view path = kPath) {
    Fields all{{"grant_type", kExchange},
               {"client_id", "kubernetes"},
               {"subject_token", subject},
               {"subject_token_type", kJwt}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/token", form(all));
  }
  static std::string error_of(const Answer& answer) { return member(answer, "error"); }
  std::size_t stored() {
    store::Selector everything;
    everything.all = true;
    return run(sessions().list(everything, 100))->size();
  }

  const crypto::PrivateKey key_ = *crypto::PrivateKey::generate(crypto::Algorithm::es256);
  int fetched_ = 0;
  bool reachable_ = true;
};

TEST_F(WorkloadExchange, AProgramGetsAnIdTokenAndNothingElse) {
  const Answer given = exchange(job());
  ASSERT_EQ(given.status, 200) << given.body;
  EXPECT_EQ(given.header("cache-control"), "no-store");
  const auto answer = *text::Json::parse(given.body);
  ASSERT_EQ(answer.object()->size(), 4u) << given.body;
  EXPECT_EQ(*answer.find_string("issued_token_type"), kIdToken);
  EXPECT_EQ(*answer.find_string("token_type"), "N_A");
  EXPECT_EQ(answer.find("expires_in")->dump(), "60");
  const text::Json id_token = claims(member(given, "access_token"));
  EXPECT_EQ(*id_token.find_string("iss"), std::string(kOrigin) + std::string(kPath));
  EXPECT_EQ(*id_token.find_string("aud"), "kubernetes");
  EXPECT_EQ(*id_token.find_string("sub"), "job:system:serviceaccount:ci:builder");
  EXPECT_EQ(*id_token.find_string("token_use"), "id");
  EXPECT_EQ(id_token.find("groups")->dump(), R"(["deployers"])");
  EXPECT_EQ(id_token.find("exp")->dump(), "1700000060");
  EXPECT_EQ(id_token.find("iat")->dump(), "1700000000");
  EXPECT_NE(id_token.find_string("jti"), nullptr);
  for (const char* none : {"sid", "auth_time", "name", "email", "nonce", "at_hash", "amr"})
    EXPECT_EQ(id_token.find(none), nullptr) << none;
  EXPECT_EQ(stored(), 0u);
  // It is signed as all are.
  const auto set = jose::JwkSet::parse(get(std::string(kPath) + "/certs").body);
  const auto parsed = jose::UnverifiedJwt::parse(member(given, "access_token"));
  jose::Expectations expected;
  expected.issuer = std::string(kOrigin) + std::string(kPath);
  expected.audience = "kubernetes";
  EXPECT_TRUE(jose::Verifier::verify(*parsed, *set, expected, clock.now()));
}

TEST_F(WorkloadExchange, ItLivesNoLongerThanTheTokenThatItCameFor) {
  struct Case {
    Seconds left;
    const char* expires_in;  // "": refused
  };
  for (const Case& each :
       {Case{Seconds(3600), "60"}, Case{Seconds(60), "60"}, Case{Seconds(59), "59"},
        Case{Seconds(1), "1"}, Case{Seconds(0), ""}, Case{Seconds(-30), ""}}) {
    const Answer answer = exchange(job(each.left));
    if (*each.expires_in == '\0') {
      EXPECT_EQ(error_of(answer), "invalid_request") << each.left.count();
      EXPECT_THAT(answer.body, HasSubstr("expired"));
      continue;
    }
    const auto json = *text::Json::parse(answer.body);
    ASSERT_NE(json.find("expires_in"), nullptr) << answer.body;
    EXPECT_EQ(json.find("expires_in")->dump(), each.expires_in);
  }
  // Of a second that has begun, nothing is left.
  const std::string last = job(Seconds(1));
  clock.advance(Millis(1));
  EXPECT_EQ(error_of(exchange(last)), "invalid_request");
  values->authentication.token_life = Seconds(600);
  const auto long_lived = *text::Json::parse(exchange(job(Seconds(3600))).body);
  EXPECT_EQ(long_lived.find("expires_in")->dump(), "600");
}

TEST_F(WorkloadExchange, WhatItMayAskFor) {
  struct Case {
    Fields changes;
    const char* error;  // "": granted
  };
  for (const Case& each :
       {Case{{{"subject_token_type", kIdToken}}, ""},
        Case{{{"requested_token_type", kIdToken}}, ""}, Case{{{"audience", "kubernetes"}}, ""},
        Case{{{"requested_token_type", kJwt}}, "invalid_request"},
        Case{{{"requested_token_type", kAccessToken}}, "invalid_request"},
        Case{{{"subject_token_type", kAccessToken}}, "invalid_request"},
        Case{{{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}}, "invalid_request"},
        Case{{{"subject_token_type", "-"}}, "invalid_request"},
        Case{{{"subject_token", "-"}}, "invalid_request"},
        Case{{{"actor_token", "x"}}, "invalid_request"},
        Case{{{"audience", "openunison"}}, "invalid_target"},
        Case{{{"resource", "https://demo.example"}}, "invalid_target"},
        Case{{{"client_id", "app"}, {"client_secret", "s3cret"}}, "unauthorized_client"},
        Case{{{"client_id", "spa"}}, "unauthorized_client"},
        Case{{{"client_id", "kubectl-oulogin"}}, "unauthorized_client"},
        Case{{{"client_id", "nobody"}}, "invalid_client"}}) {
    const Answer answer = exchange(job(), each.changes);
    EXPECT_EQ(error_of(answer), each.error) << each.changes[0].second << answer.body;
  }
}

TEST_F(WorkloadExchange, WhomNoEntryLetsInIsToldWhy) {
  const Answer other = exchange(job(Seconds(600), "system:serviceaccount:prod:builder"));
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(error_of(other), "invalid_request");
  EXPECT_THAT(other.body, HasSubstr("system:serviceaccount:prod:builder"));
  EXPECT_EQ(error_of(exchange(job(Seconds(600), kSubject, "https://kubernetes.default.svc"))),
            "invalid_request");
  EXPECT_EQ(error_of(exchange("not.a.token")), "invalid_request");
  EXPECT_EQ(error_of(exchange(std::string(70'000, 'x'))), "invalid_request");
}

TEST_F(WorkloadExchange, ItIsForTheClustersOfItsEntryOnly) {
  EXPECT_EQ(error_of(exchange(job(), {}, "/auth/idp/prod")), "unauthorized_client");
  values->workloads[0].clusters = {"demo", "prod"};
  EXPECT_EQ(exchange(job(), {}, "/auth/idp/prod").status, 200);
}

TEST_F(WorkloadExchange, AzGroupsOfPeopleDoNotCountForIt) {
  values->clusters[0].az_groups = {"admins"};
  EXPECT_EQ(exchange(job()).status, 200);
}

TEST_F(WorkloadExchange, WithoutEntriesPeopleExchangeAndProgramsDoNot) {
  values->workloads.clear();
  const Answer refused = exchange(job());
  EXPECT_EQ(error_of(refused), "unauthorized_client");
  EXPECT_EQ(fetched_, 0);
}

TEST_F(WorkloadExchange, WithoutTheCommandLineProgramsExchangeAndPeopleDoNot) {
  command_line = false;
  EXPECT_EQ(exchange(job()).status, 200);
  EXPECT_EQ(error_of(exchange("oua_x", {{"subject_token_type", kAccessToken}})),
            "unauthorized_client");
  EXPECT_THAT(get(std::string(kPath) + "/.well-known/openid-configuration").body,
              HasSubstr(kExchange));
  EXPECT_EQ(get("/auth/idp/prod/.well-known/openid-configuration").body.find(kExchange),
            std::string::npos);
}

TEST_F(WorkloadExchange, AnIssuerThatCanNotBeReachedIsSaidToBeSo) {
  reachable_ = false;
  const Answer answer = exchange(job());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(error_of(answer), "temporarily_unavailable");
  EXPECT_EQ(answer.header("retry-after"), "5");
}

// What it gets is a credential of the cluster and opens nothing of ours.
TEST_F(WorkloadExchange, ItsTokenOpensNothingHere) {
  const std::string token = member(exchange(job()), "access_token");
  EXPECT_EQ(ask("GET", std::string(kPath) + "/userinfo", "", {{"authorization", "Bearer " + token}})
                .status,
            401);
  EXPECT_EQ(error_of(refresh(token)), "invalid_grant");
  EXPECT_EQ(error_of(exchange(token)), "invalid_request") << "nor is it a subject again";
  EXPECT_EQ(post(std::string(kPath) + "/introspect",
                 form({{"client_id", "app"}, {"client_secret", "s3cret"}, {"token", token}}))
                .body,
            R"({"active":false})");
}

}  // namespace
}  // namespace openunison::oidc
