// SPDX-License-Identifier: Apache-2.0
#include "cli/portal_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/sign_in.h"
#include "cli/words.h"
#include "net/error.h"
#include "scripted_portal.h"

namespace openunison::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class PortalClientTest : public testing::Test {
 protected:
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return runtime_.block_on(std::move(task));
  }
  Result<Portal> discover(http::Response response) {
    portal_.answers.emplace_back(std::move(response));
    return run(client_.discover(host_));
  }

  net::Runtime runtime_{1};
  ScriptedPortal portal_;
  FixedBootClock clock_;
  PortalClient client_{portal_.fetch(), "build-7", clock_};
  Host host_{"k8sou.example.com", 443};
};

const std::string kDocument =
    "{\"version\":1,\"name\":\"Acme\",\"portal\":\"https://k8sou.example.com\",\"issuer\":\"" +
    std::string(kIssuer) +
    "\",\"client_id\":\"kubectl-oulogin\",\"account_endpoint\":\"https://k8sou.example.com/api/"
    "account\",\"sign_out_endpoint\":\"https://k8sou.example.com/api/sign_out\",\"new\":[1]}";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_F(PortalClientTest, LearnsThePortal) {
  const auto found = discover(json_response(200, kDocument));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->name, "Acme");
  EXPECT_EQ(found->issuer, kIssuer);
  EXPECT_EQ(portal_.asked[0].url.text(), "https://k8sou.example.com/.well-known/openunison");
  EXPECT_EQ(portal_.asked[0].max_redirects, 0);
}

TEST_F(PortalClientTest, SaysWhatElseAnswersThere) {
  struct Case {
    int status;
    std::string body;
    Errc error;
    const char* says;
  };
  const Case cases[] = {
      {404, "not found", Errc::not_a_portal, "no OpenUnison portal"},
      {200, "<html>", Errc::not_a_portal, "no OpenUnison portal"},
      {200, "[]", Errc::not_a_portal, "no OpenUnison portal"},
      {200, "{}", Errc::not_a_portal, "no OpenUnison portal"},
      {302, "", Errc::not_a_portal, "status 302"},
      {200, replaced(kDocument, "\"version\":1", "\"version\":2"), Errc::not_a_portal, "newer"},
      {200, replaced(kDocument, ",\"client_id\":\"kubectl-oulogin\"", ""), Errc::access_denied,
       "lets nobody sign in"},
      {200, replaced(kDocument, "https://k8sou.example.com\"", "https://other.example.com\""),
       Errc::not_a_portal, "other.example.com"},
      // Nothing may send tokens elsewhere.
      {200, replaced(kDocument, kIssuer, "https://evil.example.com/auth"), Errc::bad_answer,
       "another host"},
      {200, replaced(kDocument, "k8sou.example.com/api/account", "k8sou.example.com.evil.com/a"),
       Errc::bad_answer, "another host"},
      {200,
       replaced(kDocument, "https://k8sou.example.com/api/sign_out", "http://k8sou.example.com/"),
       Errc::bad_answer, "another host"}};
  for (const Case& each : cases) {
    const auto found = discover(json_response(each.status, each.body));
    ASSERT_FALSE(found) << each.body;
    EXPECT_TRUE(found.error().is(each.error)) << found.error().message();
    EXPECT_THAT(found.error().message(), HasSubstr(each.says));
  }
}

TEST_F(PortalClientTest, TellsUntrustedFromUnreachable) {
  portal_.answers.emplace_back(fail(net::Errc::untrusted, "the certificate isn't trusted"));
  EXPECT_TRUE(run(client_.discover(host_)).error().is(Errc::untrusted));
  for (const net::Errc other : {net::Errc::unresolved, net::Errc::refused, net::Errc::timed_out}) {
    portal_.answers.emplace_back(fail(other, "why"));
    EXPECT_TRUE(run(client_.discover(host_)).error().is(Errc::unreachable));
  }
}

TEST_F(PortalClientTest, TakesNoTokensThatArentForIt) {
  const auto refresh = [&](const std::string& id_token, const std::string& refresh_token = "r") {
    portal_.answers.emplace_back(json_response(200, "{\"access_token\":\"a\",\"id_token\":\"" +
                                                        id_token + "\",\"refresh_token\":\"" +
                                                        refresh_token + "\"}"));
    return run(client_.refresh(kIssuer, "kubernetes", "token"));
  };
  EXPECT_TRUE(refresh(jwt("kubernetes")));
  EXPECT_FALSE(refresh(jwt("other")));
  EXPECT_FALSE(refresh(jwt("kubernetes", "", "https://other.example.com")));
  EXPECT_FALSE(refresh(jwt("kubernetes", "", kIssuer, 0)));
  EXPECT_FALSE(refresh(jwt("kubernetes", "", kIssuer, -60)));
  EXPECT_FALSE(refresh("no jwt"));
  EXPECT_FALSE(refresh("a.b"));
  EXPECT_FALSE(refresh("e30.e30.c2ln"));
  EXPECT_FALSE(refresh(""));
  EXPECT_FALSE(refresh(jwt("kubernetes"), ""));
}

TEST_F(PortalClientTest, NoErrorShowsAToken) {
  portal_.answers.emplace_back(
      json_response(200,
                    "{\"access_token\":\"secret-a\",\"id_token\":\"secret-i\","
                    "\"refresh_token\":\"secret-r\"}"));
  const auto tokens = run(client_.refresh(kIssuer, "kubernetes", "secret-t"));
  ASSERT_FALSE(tokens);
  EXPECT_THAT(tokens.error().message(), Not(HasSubstr("secret")));
}

TEST_F(PortalClientTest, MapsTheErrorsOfOAuth) {
  struct Case {
    const char* error;
    int status;
    Errc expected;
  };
  const Case cases[] = {{"authorization_pending", 400, Errc::authorization_pending},
                        {"slow_down", 400, Errc::slow_down},
                        {"expired_token", 400, Errc::expired},
                        {"access_denied", 400, Errc::access_denied},
                        {"invalid_grant", 400, Errc::session_over},
                        {"unauthorized_client", 400, Errc::access_denied},
                        {"invalid_client", 401, Errc::access_denied},
                        {"temporarily_unavailable", 503, Errc::unreachable},
                        {"invalid_request", 400, Errc::bad_answer}};
  Portal portal;
  portal.issuer = kIssuer;
  portal.client_id = "kubectl-oulogin";
  for (const Case& each : cases) {
    portal_.answers.emplace_back(refusal(each.error, each.status, "the reason"));
    const auto tokens = run(client_.poll(portal, "code"));
    ASSERT_FALSE(tokens);
    EXPECT_TRUE(tokens.error().is(each.expected)) << each.error;
    EXPECT_THAT(tokens.error().message(), HasSubstr("the reason"));
  }
}

TEST_F(PortalClientTest, TakesNoDeviceCodeThatLeadsElsewhere) {
  Portal portal;
  portal.origin = "https://k8sou.example.com";
  portal.issuer = kIssuer;
  portal.client_id = "kubectl-oulogin";
  const auto ask = [&](const std::string& page, const std::string& complete) {
    portal_.answers.emplace_back(json_response(
        200, "{\"device_code\":\"d\",\"user_code\":\"BCDF-GHJK\",\"verification_uri\":\"" + page +
                 "\",\"verification_uri_complete\":\"" + complete +
                 "\",\"expires_in\":600,\"interval\":5}"));
    return run(client_.ask_for_code(portal));
  };
  const std::string good = "https://k8sou.example.com/device", evil = "https://evil.example.com/";
  EXPECT_TRUE(ask(good, good + "?user_code=BCDF-GHJK"));
  EXPECT_FALSE(ask(evil, good));
  EXPECT_FALSE(ask(good, evil)) << "it is shown as a QR code";
  EXPECT_EQ(portal_.form(0).value("device_name"), "build-7");
}

TEST_F(PortalClientTest, TakesNoClusterWithoutAnAddressOrWithAnIssuerElsewhere) {
  const auto ask = [&](const std::string& cluster) {
    portal_.answers.emplace_back(
        json_response(200, "{\"user\":\"alice\",\"clusters\":[" + cluster + "]}"));
    return run(client_.account("https://k8sou.example.com/api/account", "access"));
  };
  const auto cluster = [](const std::string& server, const std::string& issuer) {
    return "{\"name\":\"prod\",\"server\":\"" + server + "\",\"issuer\":\"" + issuer +
           "\",\"client_id\":\"kubernetes\"}";
  };
  EXPECT_TRUE(ask(""));
  const auto good = ask(cluster("https://prod.example.com", kIssuer));
  ASSERT_TRUE(good) << good.error().message();
  EXPECT_EQ(good->clusters[0].label, "prod");
  EXPECT_FALSE(ask(cluster("javascript:alert(1)", kIssuer)));
  EXPECT_FALSE(ask("{\"server\":\"https://prod.example.com\"}"));
  EXPECT_FALSE(ask("1"));
  // It would get our access token.
  for (const char* issuer :
       {"https://evil.example.com/auth", "https://k8sou.example.com.evil.com/a",
        "http://k8sou.example.com/auth", "https://k8sou.example.com"})
    EXPECT_FALSE(ask(cluster("https://prod.example.com", issuer))) << issuer;
}

// Numbers that sums and differences would run over with.
TEST_F(PortalClientTest, TimesAreHeldToWhatMakesSense) {
  Portal portal;
  portal.origin = "https://k8sou.example.com";
  portal.issuer = kIssuer;
  portal.client_id = "kubectl-oulogin";
  portal_.answers.emplace_back(json_response(
      200,
      "{\"device_code\":\"d\",\"user_code\":\"BCDF-GHJK\",\"verification_uri\":\"https://"
      "k8sou.example.com/device\",\"verification_uri_complete\":\"https://k8sou.example.com/"
      "device?user_code=x\",\"expires_in\":9007199254740000,\"interval\":9007199254740000}"));
  const auto code = run(client_.ask_for_code(portal));
  ASSERT_TRUE(code);
  EXPECT_EQ(code->expires_in, Seconds(1'800));
  EXPECT_EQ(code->interval, Seconds(60));

  const auto life = [&](const std::string& issued, const std::string& expires) {
    const std::string token = "e30." +
                              base64url_encode("{\"iss\":\"" + std::string(kIssuer) +
                                               "\",\"aud\":\"kubernetes\",\"iat\":" + issued +
                                               ",\"exp\":" + expires + "}") +
                              ".c2ln";
    portal_.answers.emplace_back(json_response(
        200, "{\"access_token\":\"a\",\"id_token\":\"" + token + "\",\"refresh_token\":\"r\"}"));
    const auto tokens = run(client_.refresh(kIssuer, "kubernetes", "token"));
    return tokens ? tokens->id_token_life : Seconds(0);
  };
  EXPECT_EQ(life("1000", "1060"), Seconds(60));
  EXPECT_EQ(life("1000", "9007199254740000"), Seconds(86'400));
  EXPECT_EQ(life("-9223372036854775808", "9223372036854775807"), Seconds(0));
  EXPECT_EQ(life("1060", "1000"), Seconds(0));
}

TEST(AuthorizationUrl, HasEverythingOnce) {
  Portal portal;
  portal.issuer = kIssuer;
  portal.client_id = "kubectl-oulogin";
  EXPECT_EQ(authorization_url(portal, "http://127.0.0.1:4000/callback", "st", "no", "ch"),
            std::string(kIssuer) +
                "/auth?response_type=code&client_id=kubectl-oulogin&redirect_uri=http%3A%2F%2F127."
                "0.0.1%3A4000%2Fcallback&scope=openid%20offline_access&state=st&nonce=no&code_"
                "challenge=ch&code_challenge_method=S256");
}

TEST(Words, SayDurations) {
  EXPECT_EQ(in_words(Seconds(-3)), "0 s");
  EXPECT_EQ(in_words(Seconds(59)), "59 s");
  EXPECT_EQ(in_words(Seconds(60)), "1 min");
  EXPECT_EQ(in_words(Seconds(3'599)), "59 min");
  EXPECT_EQ(in_words(Seconds(3'600)), "1 h");
  EXPECT_EQ(in_words(Seconds(43'199)), "11 h 59 min");
  EXPECT_EQ(in_words(Seconds(200'000)), "2 days");
  EXPECT_EQ(minutes_and_seconds(Seconds(245)), "4:05");
}

}  // namespace
}  // namespace openunison::cli
