// SPDX-License-Identifier: Apache-2.0
//
// Asking again: refresh grant, userinfo, rotation, and which failures mean that the person is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/rescued_grants.h"
#include "oidc_fixture.h"

namespace openunison::identity {
namespace {

using ::testing::HasSubstr;

class OidcReread : public OidcFixture {
 protected:
  Grant grant() const {
    Grant result;
    result.refresh_token = Secret("r0");
    result.access_token = Secret("old-access");
    result.access_expires_at = clock_.now() + Seconds(600);
    result.id_token = Secret("old.id.token");
    return result;
  }
  Grant access_only() const {
    Grant result = grant();
    result.refresh_token = Secret();
    return result;
  }
  static FakeProvider::Answer fixed(http::Response response) {
    return [response](const http::ClientRequest&) { return response; };
  }
};

TEST_F(OidcReread, RefreshGivesNewClaimsAndTheRotatedToken) {
  provider_.claims.set("groups", json(R"(["new"])"));
  const auto identity = reread(grant());
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->subject, "u1");
  EXPECT_EQ(identity->claims.find("groups")->dump(), R"(["new"])");
  EXPECT_TRUE(identity->recheckable);
  ASSERT_TRUE(identity->grant);
  EXPECT_EQ(identity->grant->refresh_token.reveal(), "r1");
  EXPECT_EQ(identity->grant->access_token.reveal(), "access-1");
  EXPECT_NE(identity->grant->id_token.reveal(), "old.id.token");
  const text::Form form = provider_.last_form("/token");
  EXPECT_EQ(form.value("grant_type"), "refresh_token");
  EXPECT_EQ(form.value("refresh_token"), "r0");
  EXPECT_EQ(form.count("scope"), 0u);
  EXPECT_TRUE(provider_.last("/token").headers.contains("authorization"));
}

TEST_F(OidcReread, TokenThatIsNotRotatedStays) {
  provider_.refresh_token = std::nullopt;
  const auto identity = reread(grant());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->grant->refresh_token.reveal(), "r0");
}

TEST_F(OidcReread, NonceNeedNotBeToldAgain) {
  provider_.nonce = "of-the-sign-in";
  EXPECT_TRUE(reread(grant()));
}

TEST_F(OidcReread, IdTokenFaults) {
  struct Case {
    const char* name;
    std::function<void(FakeProvider&)> fault;
    Errc code;
  };
  const Case cases[] = {
      {"somebody else", [](FakeProvider& p) { p.subject = "u2"; }, Errc::bad_response},
      {"other issuer", [](FakeProvider& p) { p.issuer = "https://evil.example"; },
       Errc::bad_response},
      {"other audience", [](FakeProvider& p) { p.audience = "other"; }, Errc::bad_response},
      {"other key", [](FakeProvider& p) { p.key = 1; }, Errc::bad_response},
      {"expired", [](FakeProvider& p) { p.issued_ago = Seconds(500); }, Errc::clock},
  };
  for (const Case& c : cases) {
    restart();
    c.fault(provider_);
    const auto refused = reread(grant());
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
  }
}

TEST_F(OidcReread, WithoutIdTokenUserinfoIsAskedWithTheNewToken) {
  provider_.with_id_token = false;
  provider_.userinfo = json(R"({"sub":"u1","preferred_username":"alice","groups":["dev"]})");
  const auto identity = reread(grant());
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->claims.find("groups")->dump(), R"(["dev"])");
  EXPECT_EQ(provider_.last("/me").headers.get("authorization"), "Bearer access-1");
  EXPECT_EQ(identity->grant->id_token.reveal(), "old.id.token") << "still the hint at sign-out";
}

TEST_F(OidcReread, WithoutIdTokenSilenceOfUserinfoIsNotNoGroups) {
  provider_.with_id_token = false;
  struct Case {
    const char* userinfo;
    bool user_in_id_token, accepted;
  };
  const Case cases[] = {
      {R"({"sub":"u1","preferred_username":"alice"})", true, false},
      {R"({"sub":"u1","preferred_username":"alice"})", false, true},
      {R"({"sub":"u1","groups":["a"]})", true, false},
      {R"({"sub":"u1","groups":["a"]})", false, false},
      {R"({"sub":"u2","preferred_username":"alice","groups":["a"]})", true, false}};
  for (const Case& c : cases) {
    settings_.user_in_id_token = c.user_in_id_token;
    restart();
    provider_.with_id_token = false;
    provider_.userinfo = json(c.userinfo);
    const auto identity = reread(grant());
    EXPECT_EQ(identity.has_value(), c.accepted) << c.userinfo << c.user_in_id_token;
    if (!identity)
      EXPECT_TRUE(failed_with(identity, Errc::bad_response)) << identity.error().message();
  }
}

TEST_F(OidcReread, WhatTheTokenEndpointSaysDecides) {
  struct Case {
    const char* name;
    http::Response response;
    Errc code;
  };
  http::Response limited = reply(429, "");
  limited.headers.add("retry-after", "120");
  const Case cases[] = {
      {"revoked", reply(400, R"({"error":"invalid_grant"})"), Errc::gone},
      {"revoked, as 401", reply(401, R"({"error":"invalid_grant"})"), Errc::gone},
      {"must sign in", reply(400, R"({"error":"interaction_required"})"), Errc::gone},
      {"our secret", reply(401, R"({"error":"invalid_client"})"), Errc::bad_response},
      {"our registration", reply(400, R"({"error":"unauthorized_client"})"), Errc::bad_response},
      {"a proxy's page", reply(403, "<html>", "text/html"), Errc::bad_response},
      {"400 without a word", reply(400, ""), Errc::bad_response},
      {"limited", limited, Errc::throttled},
      {"broken", reply(500, R"({"error":"invalid_grant"})"), Errc::unreachable},
      {"away", reply(503, ""), Errc::unreachable},
      {"HTML", reply(200, "<html>", "text/html"), Errc::bad_response},
  };
  for (const Case& c : cases) {
    restart();
    provider_.scripts["/token"] = fixed(c.response);
    const auto refused = reread(grant());
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
  }
  restart();
  provider_.scripts["/token"] = [](const http::ClientRequest&) -> Result<http::Response> {
    return fail(net::Errc::timed_out, "slow");
  };
  EXPECT_TRUE(failed_with(reread(grant()), Errc::unreachable));
}

TEST_F(OidcReread, RetryAfterIsHonouredForEveryone) {
  http::Response limited = reply(429, "");
  limited.headers.add("retry-after", "120");
  provider_.scripts["/token"] = fixed(limited);
  EXPECT_TRUE(failed_with(reread(grant()), Errc::throttled));
  provider_.scripts.clear();
  const auto asked = provider_.requests.size();
  clock_.advance(Millis(119'000));
  const auto held = reread(grant(), "u2");
  EXPECT_TRUE(failed_with(held, Errc::throttled));
  EXPECT_THAT(held.error().message(), HasSubstr("1 seconds"));
  EXPECT_TRUE(failed_with(reread(access_only()), Errc::throttled));
  EXPECT_EQ(provider_.requests.size(), asked) << "nobody is asked meanwhile";
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread(grant()));
}

TEST_F(OidcReread, LimitWithoutATimeHoldsThirtySecondsAndNoLimitHoldsForever) {
  provider_.scripts["/token"] = fixed(reply(429, ""));
  EXPECT_TRUE(failed_with(reread(grant()), Errc::throttled));
  provider_.scripts.clear();
  clock_.advance(Millis(30'000));
  EXPECT_TRUE(reread(grant()));

  http::Response forever = reply(429, "");
  forever.headers.add("retry-after", "99999999999999");
  provider_.scripts["/token"] = fixed(forever);
  EXPECT_TRUE(failed_with(reread(grant()), Errc::throttled));
  provider_.scripts.clear();
  clock_.advance(Millis(900'000));
  EXPECT_TRUE(reread(grant()));
}

TEST_F(OidcReread, UnavailableWithRetryAfterHoldsTheNextOnes) {
  http::Response away = reply(503, "");
  away.headers.add("retry-after", "60");
  provider_.scripts["/token"] = fixed(away);
  EXPECT_TRUE(failed_with(reread(grant()), Errc::unreachable))
      << "who knows what it did with the token";
  provider_.scripts.clear();
  EXPECT_TRUE(failed_with(reread(grant()), Errc::throttled));
}

TEST_F(OidcReread, PeopleMaySignInWhileRereadsAreHeldBack) {
  http::Response limited = reply(429, "");
  limited.headers.add("retry-after", "120");
  provider_.scripts["/token"] = fixed(limited);
  EXPECT_TRUE(failed_with(reread(grant()), Errc::throttled));
  provider_.scripts.clear();
  EXPECT_TRUE(sign_in());
}

TEST_F(OidcReread, RotatedTokenIsNotLostWhenUserinfoFails) {
  settings_.user_in_id_token = false;
  restart();
  provider_.userinfo = json(R"({"sub":"u1","preferred_username":"alice"})");
  for (const int status : {500, 429}) {
    provider_.refresh_token = "next-" + std::to_string(status);
    provider_.scripts["/me"] = fixed(reply(status, ""));
    const auto failed = reread(grant());
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed_with(failed, Errc::unreachable)) << "not throttled: a token was spent";
    clock_.advance(Millis(60'000));
  }
  // The caller comes back with the token it has stored; the provider knows only the newest.
  provider_.scripts.clear();
  provider_.refresh_token = "last";
  const auto identity = reread(grant());
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(provider_.last_form("/token").value("refresh_token"), "next-429");
  EXPECT_EQ(identity->grant->refresh_token.reveal(), "last");
  provider_.refresh_token = "after-last";
  EXPECT_TRUE(reread(grant())) << "the caller could not store it";
  EXPECT_EQ(provider_.last_form("/token").value("refresh_token"), "last");
  Grant stored = grant();
  stored.refresh_token = Secret("after-last");
  EXPECT_TRUE(reread(std::move(stored)));
  EXPECT_TRUE(reread(grant()));
  EXPECT_EQ(provider_.last_form("/token").value("refresh_token"), "r0")
      << "forgotten once the caller had the new one";
}

TEST_F(OidcReread, UserinfoSays401ToAFreshToken) {
  settings_.user_in_id_token = false;
  restart();
  provider_.scripts["/me"] = fixed(reply(401, ""));
  EXPECT_TRUE(failed_with(reread(grant()), Errc::gone));
}

// --- Without a refresh token ---

TEST_F(OidcReread, AccessTokenAloneAsksUserinfo) {
  provider_.userinfo = json(R"({"sub":"u1","preferred_username":"alice","groups":["dev"]})");
  const auto identity = reread(access_only());
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(provider_.count("/token"), 0);
  EXPECT_EQ(provider_.last("/me").headers.get("authorization"), "Bearer old-access");
  ASSERT_TRUE(identity->grant);
  EXPECT_EQ(identity->grant->access_token.reveal(), "old-access");
  EXPECT_TRUE(identity->grant->refresh_token.empty());
}

TEST_F(OidcReread, AccessTokenAloneFaults) {
  struct Case {
    const char* name;
    std::function<void(Grant&, FakeProvider&)> fault;
    Errc code;
    int asked;
  };
  const auto answers = [](int status) {
    return [status](Grant&, FakeProvider& p) { p.scripts["/me"] = fixed(reply(status, "")); };
  };
  const Case cases[] = {
      {"refused though unexpired", answers(401), Errc::gone, 1},
      {"refused, expiry unknown",
       [](Grant& g, FakeProvider& p) {
         g.access_expires_at = {};
         p.scripts["/me"] = fixed(reply(401, ""));
       },
       Errc::unreachable, 1},
      {"expired", [](Grant& g, FakeProvider&) { g.access_expires_at = WallTime(Seconds(1)); },
       Errc::unreachable, 0},
      {"nothing", [](Grant& g, FakeProvider&) { g = Grant(); }, Errc::unreachable, 0},
      {"limited", answers(429), Errc::throttled, 1},
      {"broken", answers(502), Errc::unreachable, 1},
      {"forbidden", answers(403), Errc::bad_response, 1},
      {"somebody else",
       [](Grant&, FakeProvider& p) {
         p.userinfo = json(R"({"sub":"u2","preferred_username":"a","groups":[]})");
       },
       Errc::bad_response, 1},
  };
  for (const Case& c : cases) {
    restart();
    Grant held = access_only();
    c.fault(held, provider_);
    const auto refused = reread(std::move(held));
    ASSERT_FALSE(refused) << c.name;
    EXPECT_TRUE(failed_with(refused, c.code)) << c.name << ": " << refused.error().message();
    EXPECT_EQ(provider_.count("/me"), c.asked) << c.name;
  }
}

TEST(RescuedGrants, IsBoundedAndForgetsTheOldest) {
  RescuedGrants rescued(3);
  for (int i = 0; i < 10; ++i) {
    Grant grant;
    grant.refresh_token = Secret("new" + std::to_string(i));
    rescued.keep(Secret("old" + std::to_string(i)), grant);
    rescued.keep(Secret("old" + std::to_string(i)), grant);
  }
  EXPECT_EQ(rescued.size(), 3u);
  EXPECT_FALSE(rescued.find(Secret("old6")));
  ASSERT_TRUE(rescued.find(Secret("old9")));
  EXPECT_EQ(rescued.find(Secret("old9"))->refresh_token.reveal(), "new9");
  rescued.forget(Secret("old9"));
  EXPECT_FALSE(rescued.find(Secret("old9")));
  EXPECT_EQ(rescued.size(), 2u);
}

}  // namespace
}  // namespace openunison::identity
