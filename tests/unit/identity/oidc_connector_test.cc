// SPDX-License-Identifier: Apache-2.0
//
// Signing in through a provider that keeps the rules, and the answers of one that doesn't.
#include "identity/oidc_connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/metric.h"
#include "oidc_fixture.h"

namespace openunison::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class OidcSignIn : public OidcFixture {};

// --- traces and metrics ---

TEST_F(OidcSignIn, CallsForAPersonArePartOfTheRequestsTraceAndSharedFetchesAreNot) {
  settings_.user_in_id_token = false;  // userinfo is asked too
  trace_ = *http::TraceContext::join("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                     "a=1", 0x1234);
  const std::string sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000001234-01";
  auto identity = sign_in();
  ASSERT_TRUE(identity) << identity.error().message();
  ASSERT_TRUE(reread(*identity->grant));
  EXPECT_EQ(provider_.count("/token"), 2);
  for (const http::ClientRequest& request : provider_.requests) {
    const bool for_somebody = request.url.path == "/token" || request.url.path == "/me";
    EXPECT_EQ(request.headers.get("traceparent").value_or("none"), for_somebody ? sent : "none")
        << request.url.path;
    EXPECT_EQ(request.headers.get("tracestate").value_or("none"), for_somebody ? "a=1" : "none")
        << request.url.path;
  }
}

TEST_F(OidcSignIn, CallsAreCountedByWhatCameOfThem) {
  const auto count = [](const char* endpoint, const char* outcome) {
    return http::testing::metric(
        std::string("openunison_identity_provider_requests_total{endpoint=\"") + endpoint +
        "\",outcome=\"" + outcome + "\",provider=\"oidc\"}");
  };
  const auto timed = [] {
    return http::testing::metric(
        "openunison_identity_provider_request_seconds_count{endpoint=\"token\",provider="
        "\"oidc\"}");
  };
  struct Case {
    const char* outcome;
    FakeProvider::Answer answer;
  };
  const Case cases[] = {
      {"refused", [](const auto&) { return reply(400, "{}"); }},
      {"broken", [](const auto&) { return reply(502, ""); }},
      {"timed_out", [](const auto&) { return fail(net::Errc::timed_out, "slow"); }},
      {"untrusted", [](const auto&) { return fail(net::Errc::untrusted, "whose?"); }},
      {"unresolved", [](const auto&) { return fail(net::Errc::unresolved, "where?"); }},
      {"too_large", [](const auto&) { return fail(http::Errc::body_too_large, "huge"); }},
      {"failed", [](const auto&) { return fail(net::Errc::refused, "no"); }},
  };
  const double ok = count("token", "ok");
  ASSERT_TRUE(sign_in());
  EXPECT_EQ(count("token", "ok"), ok + 1);
  for (const Case& each : cases) {
    provider_.scripts["/token"] = each.answer;
    const double before = count("token", each.outcome), times = timed();
    EXPECT_FALSE(sign_in());
    EXPECT_EQ(count("token", each.outcome), before + 1) << each.outcome;
    EXPECT_EQ(timed(), times + 1) << each.outcome;
  }
}

// --- begin ---

TEST_F(OidcSignIn, BeginAsksWithPkceStateNonceAndTheScopesAsWritten) {
  settings_.scopes = "openid email  groups custom:scope offline_access";
  const auto begun = begin();
  ASSERT_TRUE(begun) << begun.error().message();
  EXPECT_THAT(begun->url, testing::StartsWith("https://idp.example/auth?"));
  const text::Form query = query_of(begun->url);
  EXPECT_EQ(query.value("response_type"), "code");
  EXPECT_EQ(query.value("client_id"), "ou");
  EXPECT_EQ(query.value("redirect_uri"), "https://portal.example/auth/oidc");
  EXPECT_EQ(query.value("scope"), settings_.scopes);
  EXPECT_EQ(query.value("state"), "the-state");
  EXPECT_EQ(query.value("code_challenge_method"), "S256");
  EXPECT_EQ(query.value("nonce").size(), 43u);
  const std::string verifier = begun->attempt.substr(0, begun->attempt.find('.'));
  EXPECT_EQ(verifier.size(), 43u);
  EXPECT_EQ(query.value("code_challenge"),
            base64url_encode(crypto::view(crypto::sha256(verifier))));
  EXPECT_THAT(begun->url, Not(HasSubstr(verifier)));
  for (const char* absent :
       {"prompt", "max_age", "login_hint", "access_type", "hd", "response_mode"}) {
    EXPECT_EQ(query.count(absent), 0u) << absent;
  }
  EXPECT_FALSE(query.repeated());
}

TEST_F(OidcSignIn, EveryBeginIsItsOwn) {
  const auto first = begin(), second = begin();
  EXPECT_NE(first->attempt, second->attempt);
  EXPECT_NE(query_of(first->url).value("nonce"), query_of(second->url).value("nonce"));
}

TEST_F(OidcSignIn, BeginPassesPromptAndHint) {
  RedirectConnector::BeginRequest request = begin_request();
  request.force = true;
  request.login_hint = "a&b@example.com";
  const text::Form forced = query_of(begin(request)->url);
  EXPECT_EQ(forced.value("prompt"), "login");
  EXPECT_EQ(forced.value("login_hint"), "a&b@example.com");
}

TEST_F(OidcSignIn, GoogleIsKnownByItsIssuerToo) {
  settings_.issuer = "https://accounts.google.com";
  settings_.scopes = "openid offline_access";
  EXPECT_TRUE(settings_.is_google());
  settings_.issuer = "https://accounts.google.com.evil.example";
  EXPECT_FALSE(settings_.is_google());
}

TEST_F(OidcSignIn, GoogleGetsItsOwnParametersInPlaceOfOfflineAccess) {
  settings_.profile = config::ProviderProfile::google;
  settings_.scopes = "openid email offline_access profile";
  settings_.domain = "example.com";
  const text::Form query = query_of(begin()->url);
  EXPECT_EQ(query.value("scope"), "openid email profile");
  EXPECT_EQ(query.value("access_type"), "offline");
  EXPECT_EQ(query.value("prompt"), "consent");
  EXPECT_EQ(query.value("hd"), "example.com");
}

TEST_F(OidcSignIn, EndpointWithAQueryKeepsIt) {
  provider_.metadata.set("authorization_endpoint", "https://idp.example/auth?p=policy");
  const text::Form query = query_of(begin()->url);
  EXPECT_EQ(query.value("p"), "policy");
  EXPECT_EQ(query.value("response_type"), "code");
}

// --- finish: the good case ---

TEST_F(OidcSignIn, FinishGivesAVerifiedIdentity) {
  provider_.claims.set("auth_time", unix_seconds(clock_.now()) - 30);
  const auto identity = sign_in();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->provider, "oidc");
  EXPECT_EQ(identity->subject, "u1");
  EXPECT_EQ(identity->upstream_sid, "up-1");
  EXPECT_EQ(identity->acr, "2");
  EXPECT_THAT(identity->amr, ElementsAre("pwd", "otp"));
  EXPECT_EQ(identity->authenticated_at, from_unix_seconds(unix_seconds(clock_.now()) - 30));
  EXPECT_TRUE(identity->recheckable);
  ASSERT_TRUE(identity->grant);
  EXPECT_EQ(identity->grant->refresh_token.reveal(), "r1");
  EXPECT_EQ(identity->grant->access_token.reveal(), "access-1");
  EXPECT_EQ(identity->grant->access_expires_at, clock_.now() + Seconds(3'600));
  EXPECT_FALSE(identity->grant->id_token.empty());
  const auto principal = map_identity(*identity, settings_, config::Values());
  ASSERT_TRUE(principal) << principal.error().message();
  EXPECT_EQ(principal->user, "alice");
  EXPECT_THAT(principal->groups, ElementsAre("ops"));
  EXPECT_EQ(provider_.count("/me"), 0) << "the ID token had it all";
}

TEST_F(OidcSignIn, CodeIsExchangedWithVerifierAndBasicAuthentication) {
  settings_.client_id = "o u:1";
  client_secret_ = "p%s+ä";
  provider_.audience = "o u:1";
  ASSERT_TRUE(sign_in());
  const text::Form form = provider_.last_form("/token");
  EXPECT_EQ(form.value("grant_type"), "authorization_code");
  EXPECT_EQ(form.value("code"), "the-code");
  EXPECT_EQ(form.value("redirect_uri"), "https://portal.example/auth/oidc");
  EXPECT_EQ(form.value("code_verifier"), attempt_.substr(0, 43));
  EXPECT_EQ(form.count("client_id"), 0u);
  EXPECT_EQ(form.count("client_secret"), 0u);
  EXPECT_EQ(provider_.last("/token").headers.get("authorization"),
            "Basic " + base64_encode("o%20u%3A1:p%25s%2B%C3%A4"));
}

TEST_F(OidcSignIn, SecretGoesIntoTheBodyWhereTheProviderWantsItThere) {
  provider_.metadata.set("token_endpoint_auth_methods_supported",
                         json(R"(["client_secret_post","private_key_jwt"])"));
  ASSERT_TRUE(sign_in());
  EXPECT_EQ(provider_.last_form("/token").value("client_id"), "ou");
  EXPECT_EQ(provider_.last_form("/token").value("client_secret"), "secret");
  EXPECT_FALSE(provider_.last("/token").headers.contains("authorization"));
}

TEST_F(OidcSignIn, PublicClientSendsItsIdOnly) {
  client_secret_ = "";
  ASSERT_TRUE(sign_in());
  EXPECT_EQ(provider_.last_form("/token").value("client_id"), "ou");
  EXPECT_EQ(provider_.last_form("/token").count("client_secret"), 0u);
  EXPECT_FALSE(provider_.last("/token").headers.contains("authorization"));
}

TEST_F(OidcSignIn, WithoutARefreshTokenNothingCanBeAskedLater) {
  provider_.refresh_token = std::nullopt;
  const auto identity = sign_in();
  ASSERT_TRUE(identity);
  EXPECT_FALSE(identity->recheckable);
}

// --- finish: the callback ---

TEST_F(OidcSignIn, CallbackErrors) {
  struct Case {
    const char* error;
    Errc code;
  };
  const Case cases[] = {{"access_denied", Errc::denied},
                        {"invalid_scope", Errc::denied},
                        {"login_required", Errc::interaction_required},
                        {"interaction_required", Errc::interaction_required},
                        {"consent_required", Errc::interaction_required},
                        {"server_error", Errc::unreachable},
                        {"temporarily_unavailable", Errc::unreachable}};
  for (const Case& c : cases) {
    text::Form form;
    form.add("error", c.error);
    form.add("error_description", "User \x1b[31mnot\r\nassigned " + std::string(5'000, 'x'));
    const auto refused = finish_with(form);
    ASSERT_FALSE(refused) << c.error;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.error;
    EXPECT_THAT(refused.error().message(),
                HasSubstr(std::string(c.error) + ": User ?[31mnot??assigned"));
    EXPECT_LT(refused.error().message().size(), 500u);
  }
  EXPECT_EQ(provider_.count("/token"), 0);
}

TEST_F(OidcSignIn, CallbackMustBeWhole) {
  text::Form none, twice, huge;
  twice.add("code", "a");
  twice.add("code", "b");
  huge.add("code", std::string(5'000, 'c'));
  for (const text::Form& form : {none, twice, huge}) {
    const auto refused = finish_with(form);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(failed_with(refused, Errc::bad_response));
  }
  EXPECT_EQ(provider_.count("/token"), 0);
}

TEST_F(OidcSignIn, IssParameter) {
  struct Case {
    bool advertised;
    const char* iss;  // null: absent
    bool accepted;
  };
  const Case cases[] = {{false, nullptr, true},
                        {false, "https://idp.example", true},
                        {false, "https://evil.example", false},
                        {false, "https://idp.example/", false},
                        {true, nullptr, false},
                        {true, "https://idp.example", true},
                        {true, "", false}};
  for (const Case& c : cases) {
    restart();
    provider_.metadata.set("authorization_response_iss_parameter_supported", c.advertised);
    text::Form form = callback();
    if (c.iss != nullptr) form.add("iss", c.iss);
    const auto identity = finish_with(form);
    EXPECT_EQ(identity.has_value(), c.accepted)
        << c.advertised << " " << (c.iss ? c.iss : "absent");
    if (!identity) EXPECT_TRUE(failed_with(identity, Errc::bad_response));
  }
}

TEST_F(OidcSignIn, MixedUpErrorIsNotBelieved) {
  text::Form form;
  form.add("error", "access_denied");
  form.add("iss", "https://evil.example");
  EXPECT_TRUE(failed_with(finish_with(form), Errc::bad_response));
}

TEST_F(OidcSignIn, AttemptMustBeOurs) {
  ASSERT_TRUE(begin());
  for (const char* attempt : {"", "x", ".",
                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                              "aaaaaaaaaaaaaaaaaaaaaaaa"}) {
    attempt_ = attempt;
    EXPECT_TRUE(failed_with(finish_raw(callback()), Errc::bad_response));
  }
}

// --- finish: the token endpoint ---

TEST_F(OidcSignIn, TokenEndpointFaults) {
  struct Case {
    const char* name;
    FakeProvider::Answer answer;
    Errc code;
    const char* text;
  };
  const auto fixed = [](http::Response response) -> FakeProvider::Answer {
    return [response](const http::ClientRequest&) { return response; };
  };
  const auto failing = [](auto code, const char* text) -> FakeProvider::Answer {
    return [code, text](const http::ClientRequest&) -> Result<http::Response> {
      return fail(code, text);
    };
  };
  const Case cases[] = {
      {"html", fixed(reply(200, "<html>Sign in</html>", "text/html")), Errc::bad_response,
       "isn't JSON but text/html"},
      {"array", fixed(reply(200, "[]")), Errc::bad_response, "no JSON object"},
      {"empty", fixed(reply(200, "{}")), Errc::bad_response, "has no token"},
      {"duplicate keys", fixed(reply(200, R"({"access_token":"a","access_token":"b"})")),
       Errc::bad_response, "isn't JSON"},
      {"no id token", fixed(reply(200, R"({"access_token":"a"})")), Errc::bad_response,
       "must contain openid"},
      {"token of another type", fixed(reply(200, R"({"access_token":"a","token_type":"DPoP"})")),
       Errc::bad_response, "DPoP"},
      {"token is no text", fixed(reply(200, R"({"access_token":7})")), Errc::bad_response,
       "access_token"},
      {"token with line break", fixed(reply(200, R"({"access_token":"a\nb"})")), Errc::bad_response,
       "access_token"},
      {"spent code", fixed(reply(400, R"({"error":"invalid_grant","error_description":"used"})")),
       Errc::bad_response, "invalid_grant: used"},
      {"our secret", fixed(reply(401, R"({"error":"invalid_client"})")), Errc::bad_response,
       "client id or secret"},
      {"redirect", fixed(reply(302, "")), Errc::unreachable, "redirects"},
      {"too many", fixed(reply(429, "")), Errc::unreachable, "too much to do"},
      {"broken", fixed(reply(500, "oops")), Errc::unreachable, "status 500"},
      {"slow", failing(net::Errc::timed_out, "no answer in 10 s"), Errc::unreachable,
       "no answer in 10 s"},
      {"refused", failing(net::Errc::refused, "refused"), Errc::unreachable, "refused"},
      {"untrusted", failing(net::Errc::untrusted, "self-signed"), Errc::unreachable, "self-signed"},
      {"huge", failing(http::Errc::body_too_large, "too large"), Errc::too_big, "too large"},
  };
  for (const Case& c : cases) {
    restart();
    provider_.scripts["/token"] = c.answer;
    const auto refused = sign_in();
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
    EXPECT_THAT(refused.error().message(), HasSubstr(c.text)) << c.name;
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("the-code"))) << c.name;
  }
}

TEST_F(OidcSignIn, RequestsAreBoundedAndDoNotFollowRedirects) {
  settings_.user_in_id_token = false;
  provider_.userinfo = json(R"({"sub":"u1","preferred_username":"alice"})");
  ASSERT_TRUE(sign_in());
  ASSERT_EQ(provider_.requests.size(), 4u);
  for (const http::ClientRequest& request : provider_.requests) {
    EXPECT_EQ(request.max_redirects, 0);
    EXPECT_LE(request.max_response_bytes, 512u * 1024);
    EXPECT_LE(request.timeout, Millis(10'000));
    EXPECT_GT(request.timeout, Millis(0));
  }
}

// --- finish: the ID token ---

TEST_F(OidcSignIn, IdTokenFaults) {
  struct Case {
    const char* name;
    std::function<void(FakeProvider&)> fault;
    Errc code;
  };
  const auto claim = [](const char* name, const char* value) {
    return [name, value](FakeProvider& p) { p.claims.set(name, json(value)); };
  };
  const Case cases[] = {
      {"other issuer", claim("iss", R"("https://evil.example")"), Errc::bad_response},
      {"issuer with slash", claim("iss", R"("https://idp.example/")"), Errc::bad_response},
      {"no issuer", claim("iss", "null"), Errc::bad_response},
      {"other audience", claim("aud", R"("other")"), Errc::bad_response},
      {"no audience", claim("aud", "[]"), Errc::bad_response},
      {"several audiences without azp", claim("aud", R"(["ou","other"])"), Errc::bad_response},
      {"azp of another", claim("azp", R"("other")"), Errc::bad_response},
      {"azp no text", claim("azp", "7"), Errc::bad_response},
      {"no subject", claim("sub", "null"), Errc::bad_response},
      {"empty subject", claim("sub", R"("")"), Errc::bad_response},
      {"subject no text", claim("sub", "7"), Errc::bad_response},
      {"subject with line break", claim("sub", R"("a\nb")"), Errc::bad_response},
      {"other nonce", claim("nonce", R"("replayed")"), Errc::bad_response},
      {"no nonce", [](FakeProvider& p) { p.with_nonce = false; }, Errc::bad_response},
      {"no iat", claim("iat", "null"), Errc::bad_response},
      {"no exp", claim("exp", "null"), Errc::bad_response},
      {"exp as text", claim("exp", R"("1900000000")"), Errc::bad_response},
      {"at_hash of another", claim("at_hash", R"("AAAAAAAAAAAAAAAAAAAAAA")"), Errc::bad_response},
      {"access token", [](FakeProvider& p) { p.type = "at+jwt"; }, Errc::bad_response},
      {"logout token", [](FakeProvider& p) { p.type = "logout+jwt"; }, Errc::bad_response},
      {"token with events", claim("events", "{}"), Errc::bad_response},
      {"expired", [](FakeProvider& p) { p.issued_ago = Seconds(361); }, Errc::clock},
      {"issued in the future", [](FakeProvider& p) { p.issued_ago = Seconds(-61); }, Errc::clock},
      {"other key under a known kid", [](FakeProvider& p) { p.key = 1; }, Errc::bad_response},
      {"unknown kid", [](FakeProvider& p) { p.kid = "k9"; }, Errc::bad_response},
      {"no JWT", [](FakeProvider& p) { p.raw_id_token = "abc"; }, Errc::bad_response},
  };
  for (const Case& c : cases) {
    restart();
    c.fault(provider_);
    const auto refused = sign_in();
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
  }
}

TEST_F(OidcSignIn, GoodVariantsOfIdTokens) {
  struct Case {
    const char* name;
    std::function<void(FakeProvider&)> change;
  };
  const Case cases[] = {
      {"audience list", [](FakeProvider& p) { p.claims.set("aud", json(R"(["ou"])")); }},
      {"several with azp",
       [](FakeProvider& p) {
         p.claims.set("aud", json(R"(["ou","x"])"));
         p.claims.set("azp", "ou");
       }},
      {"expired within leeway", [](FakeProvider& p) { p.issued_ago = Seconds(350); }},
      {"from the near future", [](FakeProvider& p) { p.issued_ago = Seconds(-50); }},
      {"no at_hash", [](FakeProvider& p) { p.with_at_hash = false; }},
      {"no typ", [](FakeProvider& p) { p.type = ""; }},
  };
  for (const Case& c : cases) {
    restart();
    c.change(provider_);
    const auto identity = sign_in();
    EXPECT_TRUE(identity) << c.name << ": " << (identity ? "" : identity.error().message());
  }
}

TEST_F(OidcSignIn, UnsignedAndSymmetricTokensAreRefused) {
  const std::string header_and_more[][2] = {
      {R"({"alg":"none"})", ""},
      {R"({"alg":"None","kid":"k0"})", ""},
      {R"({"alg":"HS256","kid":"k0"})", std::string(32, 'x')},
      {R"({"alg":"ES256","kid":"k0"})", std::string(64, '\0')},
      {R"({"alg":"EdDSA","kid":"k0"})", std::string(64, 'x')},
  };
  for (const auto& [header, signature] : header_and_more) {
    restart();
    ASSERT_TRUE(begin());
    provider_.nonce = nonce_;
    provider_.raw_id_token = provider_.forged(header, provider_.id_token_payload(""), signature);
    const auto refused = finish_raw(callback());
    ASSERT_FALSE(refused) << header;
    EXPECT_TRUE(failed_with(refused, Errc::bad_response)) << header;
  }
}

TEST_F(OidcSignIn, ClockErrorSaysByHowMuchAndWhoseClock) {
  provider_.issued_ago = Seconds(-300);
  provider_.date = "Tue, 14 Nov 2023 22:18:20 GMT";  // 300 s after ManualClock's start
  const auto refused = sign_in();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(failed_with(refused, Errc::clock));
  EXPECT_THAT(refused.error().message(), HasSubstr("issued 300 seconds in the future"));
  EXPECT_THAT(refused.error().message(), HasSubstr("300 seconds ahead of ours"));
}

// --- finish: userinfo ---

TEST_F(OidcSignIn, UserinfoCompletesAnIdTokenWithoutGroups) {
  provider_.claims = json(
      R"({"preferred_username":"alice","name":"Alice","email":"a@example.com","email_verified":true})");
  provider_.userinfo = json(
      R"({"sub":"u1","groups":["dev"],"name":"Other","email":"b@evil","email_verified":false,"iss":"x","tid":"t","hd":"evil"})");
  const auto identity = sign_in();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->claims.find("groups")->dump(), R"(["dev"])");
  EXPECT_EQ(*identity->claims.find_string("name"), "Alice") << "the ID token comes first";
  EXPECT_EQ(*identity->claims.find_string("email"), "a@example.com");
  EXPECT_EQ(*identity->claims.find("email_verified"), text::Json(true));
  EXPECT_EQ(*identity->claims.find_string("iss"), "https://idp.example");
  EXPECT_EQ(identity->claims.find("tid"), nullptr);
  EXPECT_EQ(identity->claims.find("hd"), nullptr);
  EXPECT_EQ(provider_.last("/me").headers.get("authorization"), "Bearer access-1");
}

TEST_F(OidcSignIn, AttributesOnlyFromUserinfoWhereValuesSaySo) {
  settings_.user_in_id_token = false;
  provider_.userinfo =
      json(R"({"sub":"u1","preferred_username":"alice2","email":"b@example.com"})");
  const auto identity = sign_in();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(*identity->claims.find_string("preferred_username"), "alice2");
  EXPECT_EQ(*identity->claims.find_string("email"), "b@example.com");
  EXPECT_EQ(identity->claims.find("email_verified"), nullptr)
      << "userinfo's address isn't said to be verified";
  EXPECT_EQ(identity->claims.find("groups"), nullptr);
  EXPECT_EQ(identity->upstream_sid, "up-1");
}

TEST_F(OidcSignIn, UserinfoFaults) {
  struct Case {
    const char* name;
    http::Response response;
    Errc code;
  };
  const Case cases[] = {
      {"somebody else's", reply(200, R"({"sub":"u2"})"), Errc::bad_response},
      {"nobody's", reply(200, R"({"groups":["a"]})"), Errc::bad_response},
      {"HTML", reply(200, "<html>", "text/html"), Errc::bad_response},
      {"401", reply(401, ""), Errc::bad_response},
      {"403", reply(403, ""), Errc::bad_response},
      {"500", reply(500, ""), Errc::unreachable},
      {"unsigned JWT", reply(200, "a.b.c", "application/jwt"), Errc::bad_response}};
  for (const Case& c : cases) {
    settings_.user_in_id_token = false;
    restart();
    provider_.scripts["/me"] = [&c](const http::ClientRequest&) { return c.response; };
    const auto refused = sign_in();
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
  }
}

TEST_F(OidcSignIn, SignedUserinfoIsVerified) {
  settings_.user_in_id_token = false;
  const auto signed_with = [this](const char* claims) {
    restart();
    provider_.scripts["/me"] = [this, claims](const http::ClientRequest&) {
      return reply(200, provider_.sign(json(claims), "JWT"), "application/jwt;charset=utf-8");
    };
    return sign_in();
  };
  const auto identity = signed_with(
      R"({"iss":"https://idp.example","aud":"ou","sub":"u1","preferred_username":"al"})");
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(*identity->claims.find_string("preferred_username"), "al");
  EXPECT_FALSE(signed_with(R"({"iss":"https://idp.example","aud":"other","sub":"u1"})"));
  EXPECT_FALSE(signed_with(R"({"iss":"https://evil.example","aud":"ou","sub":"u1"})"));
}

TEST_F(OidcSignIn, EntraOverageIsAnErrorAndNeverNoGroups) {
  const std::string base = R"({"preferred_username":"alice","name":"A","email":"a@x","sid":"s",)";
  for (
      const char* more :
      {R"("_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/x"}}})",
       R"("hasgroups":true})", R"("hasgroups":"true"})"}) {
    restart();
    provider_.claims = json(base + more);
    const auto refused = sign_in();
    ASSERT_FALSE(refused) << more;
    EXPECT_TRUE(failed_with(refused, Errc::groups_overage)) << more;
  }
  restart();
  provider_.claims = json(base + R"("_claim_names":{"groups":"src1"}})");
  provider_.userinfo = json(R"({"sub":"u1","groups":["a"]})");
  EXPECT_TRUE(sign_in()) << "userinfo had them";
  settings_.claims.groups = "roles";
  restart();
  provider_.claims = json(base + R"("_claim_names":{"groups":"src1"},"roles":["a"]})");
  EXPECT_TRUE(sign_in()) << "groups aren't what values ask for";
}

TEST_F(OidcSignIn, ManualEndpointsKnowPeopleByUserinfoAlone) {
  settings_.issuer.clear();
  settings_.auth_url = "https://idp.example/auth";
  settings_.token_url = "https://idp.example/token";
  settings_.userinfo_url = "https://idp.example/me";
  restart();
  provider_.raw_id_token = "not.looked.at";
  provider_.userinfo = json(R"({"sub":"u7","preferred_username":"zoe","groups":["dev"]})");
  const auto identity = sign_in();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->subject, "u7");
  EXPECT_TRUE(identity->grant->id_token.empty());
  EXPECT_EQ(provider_.count("/.well-known/openid-configuration"), 0);
  EXPECT_EQ(provider_.count("/keys"), 0);
  EXPECT_THAT(health().detail, HasSubstr("userinfo alone"));
  EXPECT_TRUE(failed_with(logout_token("a.b.c"), Errc::bad_response));
}

TEST_F(OidcSignIn, ManualEndpointsWithoutUserinfoCanNotBeUsed) {
  settings_.issuer.clear();
  settings_.auth_url = "https://idp.example/auth";
  settings_.token_url = "https://idp.example/token";
  restart();
  const auto begun = begin();
  ASSERT_FALSE(begun);
  EXPECT_TRUE(failed_with(begun, Errc::unreachable));
  EXPECT_THAT(begun.error().message(), HasSubstr("oidc.userinfo_url"));
}

// --- Entra and Google ---

TEST_F(OidcSignIn, EntraCommonNeedsAllowedTenants) {
  settings_.profile = config::ProviderProfile::entra;
  settings_.issuer = "https://idp.example/common/v2.0";
  const auto with_issuer = [this](const char* issuer) {
    restart();
    provider_.metadata.set("issuer", "https://idp.example/{tenantid}/v2.0");
    provider_.scripts["/common/v2.0/.well-known/openid-configuration"] =
        [this](const http::ClientRequest&) { return reply(200, provider_.metadata.dump()); };
    provider_.issuer = issuer;
    return sign_in();
  };
  EXPECT_TRUE(failed_with(with_issuer("https://idp.example/t1/v2.0"), Errc::unreachable))
      << "no tenants in values";
  settings_.tenants = {"t1", "t2"};
  EXPECT_TRUE(with_issuer("https://idp.example/t1/v2.0"));
  EXPECT_TRUE(with_issuer("https://idp.example/t2/v2.0"));
  EXPECT_TRUE(failed_with(with_issuer("https://idp.example/t3/v2.0"), Errc::bad_response));
  EXPECT_TRUE(failed_with(with_issuer("https://idp.example/{tenantid}/v2.0"), Errc::bad_response));
  settings_.profile = config::ProviderProfile::generic;
  EXPECT_TRUE(failed_with(with_issuer("https://idp.example/t1/v2.0"), Errc::unreachable));
}

}  // namespace
}  // namespace openunison::identity
