// SPDX-License-Identifier: Apache-2.0
//
// What programs ask the portal: where things are, the account behind an access token, signing out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "fixture.h"

namespace openunison::portal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kIssuer = "https://portal.example/auth/idp/k8sIdp";

class Programs : public ::testing::Test {
 protected:
  // An access token of kubectl oulogin's in Alice's sign-in, unless changed.
  struct Token {
    std::string issuer = std::string(kIssuer);
    std::string client_id = std::string(config::kCommandLineClient);
    Seconds life{60};
  };
  std::string token(const session::Current& current, Token wanted) {
    session::Sessions::FamilySpec spec;
    spec.holder = {wanted.issuer, wanted.client_id};
    spec.scope = "openid offline_access";
    spec.label = "kubectl oulogin on build-7";
    auto family =
        site.block_on(site.sessions().open_family(current.live.sign_in.id, spec, std::nullopt, {}));
    CHECK(family.has_value());
    session::AccessToken access;
    access.session = family->current.live.session.id;
    access.client_id = wanted.client_id;
    access.issuer = wanted.issuer;
    access.scope = spec.scope;
    access.expires_at = site.clock.now() + wanted.life;
    return site.sessions().seal_access_token(access);
  }
  std::string token(const session::Current& current) { return token(current, Token{}); }
  Answer account(std::vector<http::Field> headers, std::string target = "/api/account") {
    return site.ask(browser, {.target = std::move(target), .headers = std::move(headers)});
  }
  Answer account(const std::string& token) { return account(bearer(token)); }
  Answer sign_out(std::vector<http::Field> headers) {
    return site.ask(browser,
                    {.method = "POST", .target = "/api/sign_out", .headers = std::move(headers)});
  }
  Answer workload(const std::string& token) {
    return site.ask(none, {.target = "/api/workload", .headers = bearer(token)});
  }
  static std::vector<http::Field> bearer(const std::string& token) {
    return {{"authorization", "Bearer " + token}};
  }
  static text::Json json(const Answer& answer) {
    auto parsed = text::Json::parse(answer.body);
    return parsed ? std::move(*parsed) : text::Json();
  }

  Site site;
  Browser browser, none;
};

// --- Where things are ---

TEST_F(Programs, TheHostAloneTellsWhereToSignIn) {
  site.values.branding.name = "Example \"Kube\"";
  site.values.external_port = 8443;
  const Answer answer = site.get(none, "/.well-known/openunison");
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("cache-control"), "max-age=300");
  EXPECT_EQ(
      answer.body,
      R"({"version":1,"name":"Example \"Kube\"","portal":"https://portal.example:8443",)"
      R"("issuer":"https://portal.example:8443/auth/idp/k8sIdp","client_id":"kubectl-oulogin",)"
      R"("account_endpoint":"https://portal.example:8443/api/account",)"
      R"("sign_out_endpoint":"https://portal.example:8443/api/sign_out",)"
      R"("workload_endpoint":"https://portal.example:8443/api/workload"})");
}

TEST_F(Programs, TurnedOffNothingButThePortalIsNamed) {
  site.values.authentication.command_line = false;
  site.values.workloads.clear();
  EXPECT_EQ(site.get(none, "/.well-known/openunison").body,
            R"({"version":1,"name":"OpenUnison","portal":"https://portal.example"})");
  const std::string good = token(site.sign_in(browser));
  EXPECT_EQ(account(good).status, 404);
  EXPECT_EQ(sign_out(bearer(good)).status, 404);
}

// --- The account ---

TEST_F(Programs, AnAccountIsThePersonAndTheClustersThatAreForHer) {
  site.values.clusters[0].label = "Demo cluster";
  site.values.clusters[0].k8s_ca_pem = "-----BEGIN CERTIFICATE-----\nAA==\n";
  site.values.clusters[0].username_prefix = "oidc:";
  const session::Current alice = site.sign_in(browser);
  site.clock.advance(Seconds(5));
  const std::string access = token(alice);
  const Answer answer = account(access);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(
      answer.body,
      R"({"now":1700000005,"user":"alice","name":"alice","provider":"Okta",)"
      R"("signed_in_at":1700000000,"ends_at":1700043200,"session_ends_at":1700000905,"clusters":[)"
      R"({"name":"demo","label":"Demo cluster","server":"https://demo.example:6443",)"
      R"("server_ca":"-----BEGIN CERTIFICATE-----\nAA==\n",)"
      R"("issuer":"https://portal.example/auth/idp/k8sIdp","client_id":"kubernetes",)"
      R"("user_in_cluster":"oidc:alice"},)"
      R"({"name":"prod","label":"prod","server":"https://prod.example:6443",)"
      R"("issuer":"https://portal.example/auth/idp/prod","client_id":"kubernetes",)"
      R"("user_in_cluster":"alice"}]})");
}

TEST_F(Programs, WhoMayUseNoClusterHasAnEmptyList) {
  site.values.clusters[0].az_groups = {"admins"};
  const Answer answer = account(token(site.sign_in(browser, person("bob", {"staff"}))));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("clusters":[])"));
  EXPECT_THAT(answer.body, Not(HasSubstr("prod")));
}

TEST_F(Programs, NothingButAnAccessTokenOfTheirsOpensIt) {
  const session::Current alice = site.sign_in(browser);
  const std::string good = token(alice);
  struct Case {
    const char* what;
    std::vector<http::Field> headers;
    const char* error;  // in the field; "": none
    int status = 401;
  };
  for (const Case& each : {
           Case{"the browser's cookie alone", {}, ""},
           Case{"an invented token", bearer("oua_x"), "invalid_token"},
           Case{"cut", bearer(good.substr(0, good.size() - 1)), "invalid_token"},
           Case{"another scheme", {{"authorization", "Basic " + good}}, "invalid_token"},
           Case{"no scheme", {{"authorization", good}}, "invalid_token"},
           Case{"nothing behind the scheme", {{"authorization", "Bearer "}}, "invalid_token"},
           Case{"of kubectl", bearer(token(alice, {.client_id = "kubernetes"})), "invalid_token"},
           Case{"of an application", bearer(token(alice, {.client_id = "app"})), "invalid_token"},
           Case{"of another issuer",
                bearer(token(alice, {.issuer = "https://portal.example/auth/idp/prod"})),
                "invalid_token"},
           Case{"over", bearer(token(alice, {.life = Seconds(0)})), "invalid_token"},
           Case{"given twice",
                {{"authorization", "Bearer " + good}, {"authorization", "Bearer " + good}},
                "invalid_request",
                400},
       }) {
    for (const Answer& answer : {account(each.headers), sign_out(each.headers)}) {
      EXPECT_EQ(answer.status, each.status) << each.what;
      const std::string field = answer.header("www-authenticate");
      EXPECT_TRUE(field.starts_with("Bearer realm=\"portal\"")) << each.what << field;
      const std::string wanted = "error=\"" + std::string(each.error) + "\"";
      EXPECT_EQ(field.find("error=") != std::string::npos, *each.error != '\0') << each.what;
      if (*each.error != '\0') EXPECT_THAT(field, HasSubstr(wanted)) << each.what;
      EXPECT_NE(json(answer).find_string("error"), nullptr) << answer.body;
      EXPECT_NE(json(answer).find_string("error_description"), nullptr) << answer.body;
      EXPECT_THAT(answer.body, Not(HasSubstr("alice"))) << each.what;
    }
  }
  EXPECT_EQ(account({}, "/api/account?access_token=" + good).status, 401) << "not in the address";
  EXPECT_EQ(account(good).status, 200) << "and nobody was signed out by all that";
}

TEST_F(Programs, ASessionThatIsOverOpensNothing) {
  const session::Current alice = site.sign_in(browser);
  const std::string access = token(alice);
  ASSERT_TRUE(site.block_on(
      site.sessions().end({.sign_in = alice.live.sign_in.id}, "admin", session::Caller{})));
  EXPECT_EQ(account(access).status, 401);
}

// --- Signing out ---

TEST_F(Programs, SigningOutEndsTheWholeSignInAndNoOther) {
  const session::Current alice = site.sign_in(browser);
  site.open_kubectl(alice);
  Browser elsewhere;
  site.sign_in(elsewhere);
  const std::string access = token(alice);
  const Answer answer = sign_out(bearer(access));
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(site.get(browser, "/profile").status, 303);
  EXPECT_EQ(site.get(elsewhere, "/profile").status, 200);
  EXPECT_EQ(site.count_sessions(), 1u);
  EXPECT_EQ(sign_out(bearer(access)).status, 401);
}

TEST_F(Programs, ACookieSignsNobodyOutHere) {
  site.sign_in(browser);
  EXPECT_EQ(sign_out({}).status, 401);
  EXPECT_EQ(site.get(browser, "/profile").status, 200);
}

// A browser asks before it sends Authorization to another origin, and is told nothing.
TEST_F(Programs, ScriptsOfOtherOriginsGetNothing) {
  const std::string access = token(site.sign_in(browser));
  for (const char* target :
       {"/api/account", "/api/sign_out", "/api/workload", "/.well-known/openunison"}) {
    for (const char* method : {"OPTIONS", "GET", "POST"}) {
      const Answer answer = site.ask(
          none,
          {.method = method, .target = target, .headers = {{"origin", "https://evil.example"}}});
      if (std::string_view(method) == "OPTIONS") EXPECT_EQ(answer.status, 405) << target;
      for (const http::Field& field : answer.headers.fields())
        EXPECT_FALSE(field.name.starts_with("access-control-")) << target << field.name;
    }
  }
  EXPECT_EQ(account(access).status, 200);
}

// --- Programs that nobody signs in for ---

TEST_F(Programs, AJobIsToldItsClustersAndItsNameThere) {
  site.values.clusters[0].k8s_ca_pem = "-----BEGIN CERTIFICATE-----\nAA==\n";
  const Answer answer = workload(site.job());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(answer.body,
            R"({"now":1700000000,"issuer":"https://cluster.example",)"
            R"("subject":"system:serviceaccount:ci:builder","expires_at":1700000600,"clusters":[)"
            R"({"name":"demo","label":"demo","server":"https://demo.example:6443",)"
            R"("server_ca":"-----BEGIN CERTIFICATE-----\nAA==\n",)"
            R"("issuer":"https://portal.example/auth/idp/k8sIdp","client_id":"kubernetes",)"
            R"("user_in_cluster":"job:system:serviceaccount:ci:builder"}]})");
  EXPECT_EQ(site.count_sessions(), 0u);
}

TEST_F(Programs, AzGroupsOfPeopleDoNotKeepAJobOut) {
  site.values.workloads[0].clusters = {"prod"};
  const Answer answer = workload(site.job());
  EXPECT_THAT(answer.body, HasSubstr(R"("name":"prod")"));
  EXPECT_THAT(answer.body, Not(HasSubstr(R"("name":"demo")")));
}

TEST_F(Programs, AJobThatIsNotLetInIsToldWhyAndNotWhatWouldDo) {
  struct Case {
    const char* changes;
    const char* says;
  };
  for (const Case& each :
       {Case{R"({"aud":"https://kubernetes.default.svc"})",
             "its audience (aud) is https://kubernetes.default.svc, which no entry"},
        Case{R"({"aud":null})", "it has no audience (aud)"},
        Case{R"({"sub":"system:serviceaccount:other:builder"})",
             "its subject (sub) is system:serviceaccount:other:builder, which no entry"},
        Case{R"({"iss":"https://other.example"})", "issuer (iss) aren't taken here"},
        Case{R"({"exp":1700000000})", "expired"}, Case{R"({"exp":null})", "exp"}}) {
    const Answer answer = workload(site.job(each.changes));
    EXPECT_EQ(answer.status, 401) << each.changes;
    EXPECT_THAT(answer.body, HasSubstr("invalid_token")) << each.changes;
    const text::Json body = json(answer);
    const std::string* description = body.find_string("error_description");
    ASSERT_NE(description, nullptr);
    EXPECT_THAT(*description, HasSubstr(each.says)) << each.changes;
    EXPECT_THAT(answer.header("www-authenticate"), HasSubstr("Bearer realm=\"portal\""));
    EXPECT_THAT(answer.body, Not(HasSubstr("serviceaccount:ci:*")));
    EXPECT_THAT(answer.body, Not(HasSubstr("https://portal.example"))) << "what entries want";
  }
}

TEST_F(Programs, ItsTokenIsNoAccessTokenAndAnAccessTokenNoneOfIts) {
  const std::string access = token(site.sign_in(browser));
  EXPECT_EQ(account(site.job()).status, 401);
  EXPECT_EQ(sign_out(bearer(site.job())).status, 401);
  EXPECT_EQ(workload(access).status, 401);
  EXPECT_EQ(site.ask(browser, {.target = "/api/workload"}).status, 401) << "nor is a cookie";
  EXPECT_EQ(site.ask(none, {.target = "/api/workload?access_token=" + site.job()}).status, 401);
  EXPECT_EQ(workload(std::string(70'000, 'x')).status, 401);
  EXPECT_EQ(account(access).status, 200);
}

TEST_F(Programs, KeysThatCanNotBeHadAreSaidToBeSo) {
  site.keys_reachable = false;
  const Answer answer = workload(site.job());
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("temporarily_unavailable"));
}

TEST_F(Programs, JobsNeedNoCommandLineOfPeople) {
  site.values.authentication.command_line = false;
  EXPECT_THAT(site.get(none, "/.well-known/openunison").body, HasSubstr("/api/workload"));
  EXPECT_EQ(workload(site.job()).status, 200);
}

TEST_F(Programs, WithoutWorkloadsThereIsNoSuchAddress) {
  site.values.workloads.clear();
  EXPECT_EQ(workload(site.job()).status, 404);
}

}  // namespace
}  // namespace openunison::portal::testing
