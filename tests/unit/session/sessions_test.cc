// SPDX-License-Identifier: Apache-2.0
#include "session/sessions.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::session {
namespace {

using testing::House;
using testing::person;

class SessionsTest : public ::testing::Test, protected House {
 protected:
  http::Request with_cookie(std::string value) const {
    http::Request request;
    request.headers.add("cookie", std::move(value));
    return request;
  }
  std::optional<Current> browser(std::string value) {
    auto current = run(sessions().current(with_cookie(std::move(value))));
    EXPECT_TRUE(current);
    return current ? std::move(*current) : std::nullopt;
  }
  void upstream_is_down() {
    provider->answer = [](std::string, identity::Grant) -> Result<identity::Identity> {
      return fail(identity::Errc::unreachable, "no answer");
    };
  }
};

// --- The browser ---

TEST_F(SessionsTest, TheCookieLeadsBackToThePerson) {
  const Current signed_in = sign_in();
  EXPECT_EQ(signed_in.principal.user, "alice");
  const auto found = browser(cookie);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->live.session.id, signed_in.live.session.id);
  EXPECT_EQ(found->principal.groups, std::vector<std::string>{"ops"});
}

TEST_F(SessionsTest, OnlyTheOneExactCookieIsASession) {
  sign_in();
  const std::string name = cookie.substr(0, cookie.find('='));
  EXPECT_FALSE(browser(""));
  EXPECT_FALSE(browser(name + "="));
  EXPECT_FALSE(browser(name + "=" + std::string(43, 'A')));
  EXPECT_FALSE(browser(cookie + "A"));
  EXPECT_FALSE(browser(cookie.substr(0, cookie.size() - 1)));
  EXPECT_FALSE(browser(cookie + "; " + cookie)) << "two of that name: somebody planted one";
  EXPECT_TRUE(browser("other=1; " + cookie));
}

TEST_F(SessionsTest, ASessionEndsIdleAndAfterItsWholeLife) {
  values->authentication.web_idle = Seconds(900);
  values->authentication.absolute_lifetime = Seconds(3'600);
  values->authentication.group_refresh = Seconds(100'000);
  sign_in();
  clock.advance(Seconds(901));
  EXPECT_FALSE(browser(cookie)) << "idle for longer than web_idle";

  sign_in();
  for (int i = 0; i < 4; ++i) {
    clock.advance(Seconds(880));
    EXPECT_TRUE(browser(cookie)) << "a use moves the idle limit on";
  }
  clock.advance(Seconds(100));
  EXPECT_FALSE(browser(cookie)) << "absolute_lifetime";
}

TEST_F(SessionsTest, ANewSignInInTheSameBrowserEndsTheFormerSessionButNotItsKubectl) {
  const Current former = sign_in();
  const auto kubectl = family(former);
  auto opened = run(sessions().open(person("bob"), former, caller));
  ASSERT_TRUE(opened);
  EXPECT_FALSE(lives(former));
  EXPECT_TRUE(rotate(kubectl.refresh_token));
}

TEST_F(SessionsTest, CsrfTokensAreOfOneSession) {
  const Current mine = sign_in(), other = sign_in(person("eve"));
  EXPECT_TRUE(sessions().check_csrf(mine, sessions().csrf_token(mine)));
  EXPECT_FALSE(sessions().check_csrf(mine, sessions().csrf_token(other)));
  EXPECT_FALSE(sessions().check_csrf(mine, ""));
}

TEST_F(SessionsTest, ACallerIsCutBetweenCharacters) {
  http::Request request;
  std::string agent(255, 'a');
  agent += "é";
  request.headers.add("user-agent", agent);
  EXPECT_EQ(caller_of(request).user_agent, std::string(255, 'a'));
}

// --- Refresh families ---

TEST_F(SessionsTest, ARefreshGivesANewTokenOfTheSameFamily) {
  const auto first = family(sign_in());
  const auto second = rotate(first.refresh_token);
  ASSERT_TRUE(second);
  EXPECT_NE(second->refresh_token.reveal(), first.refresh_token.reveal());
  EXPECT_EQ(second->current.live.session.id, first.current.live.session.id);
  EXPECT_TRUE(rotate(second->refresh_token));
}

TEST_F(SessionsTest, ARepeatInTheGraceWindowGetsTheVerySameSuccessor) {
  const auto first = family(sign_in());
  const auto second = rotate(first.refresh_token);
  clock.advance(Seconds(29));
  const auto again = rotate(first.refresh_token);
  ASSERT_TRUE(second && again);
  EXPECT_EQ(again->refresh_token.reveal(), second->refresh_token.reveal());
}

TEST_F(SessionsTest, ReuseEndsAFamilyOfACodeAndOnlyRefusesAPastedOne) {
  const Current current = sign_in();
  for (const auto origin : {store::Origin::code, store::Origin::pasted}) {
    const auto first = family(current, origin);
    const auto second = rotate(first.refresh_token);
    ASSERT_TRUE(second);
    clock.advance(Seconds(31));
    const auto reused = rotate(first.refresh_token);
    ASSERT_FALSE(reused);
    EXPECT_TRUE(reused.error().is(Errc::stale_token));
    EXPECT_EQ(lives(first.current), origin == store::Origin::pasted);
  }
}

TEST_F(SessionsTest, ValuesChangeWhatReuseDoes) {
  values->authentication.refuse_reuse_of_pasted = false;
  values->authentication.revoke_reuse_of_others = false;
  const Current current = sign_in();
  for (const auto origin : {store::Origin::code, store::Origin::pasted}) {
    const auto first = family(current, origin);
    ASSERT_TRUE(rotate(first.refresh_token));
    clock.advance(Seconds(31));
    EXPECT_FALSE(rotate(first.refresh_token));
    EXPECT_EQ(lives(first.current), origin == store::Origin::code);
  }
}

TEST_F(SessionsTest, ATokenIsOfOneClientAtOneIssuer) {
  const auto first = family(sign_in());
  for (const Holder& other : {Holder{kubernetes.issuer, "app"},
                              Holder{"https://portal.example/auth/idp/prod", "kubernetes"}}) {
    const auto refused = run(sessions().rotate(text(first), other, {}, caller));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Errc::bad_token));
    EXPECT_FALSE(run(sessions().revoke_family(text(first), other, caller)));
  }
  EXPECT_TRUE(lives(first.current));
  EXPECT_TRUE(rotate(first.refresh_token));
}

TEST_F(SessionsTest, WhatIsNotPermittedLeavesTheTokenGood) {
  const auto first = family(sign_in());
  const auto no = [](const store::Live&) -> Result<void> {
    return fail(Errc::token_too_large, "too many groups");
  };
  for (int i = 0; i < 3; ++i) {
    const auto refused = rotate(first.refresh_token, no);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Errc::token_too_large));
    clock.advance(Seconds(60));
  }
  EXPECT_TRUE(rotate(first.refresh_token)) << "not taken for a reuse";
}

TEST_F(SessionsTest, RevocationEndsTheFamilyAndAnUnknownOneIsNoError) {
  const auto first = family(sign_in());
  EXPECT_TRUE(run(sessions().revoke_family(text(first), kubernetes, caller)));
  EXPECT_FALSE(lives(first.current));
  EXPECT_TRUE(run(sessions().revoke_family(text(first), kubernetes, caller)));
  const auto over = rotate(first.refresh_token);
  ASSERT_FALSE(over);
  EXPECT_TRUE(over.error().is(Errc::no_session));
}

// A token of the future: an older database was put back. What then ends is told like every end.
TEST_F(SessionsTest, AFamilyThatTheStoreEndsIsToldOf) {
  std::vector<std::string> told;
  sessions().on_ended(
      [&](const std::vector<store::Live>& ended, std::string_view reason, const net::Executor&) {
        for (const store::Live& live : ended)
          told.push_back(live.session.id.text() + ' ' + std::string(reason));
      });
  const auto first = family(sign_in(), store::Origin::pasted);
  const store::SessionId id = first.current.live.session.id;
  const auto refused = rotate(RefreshTokens(master).make(id, 9, kubernetes));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::stale_token));
  EXPECT_FALSE(lives(first.current));
  EXPECT_EQ(told, std::vector<std::string>{id.text() + " refresh_token_unknown"});
}

TEST_F(SessionsTest, ACodesSecondUseEndsWhatTheFirstOpened) {
  const Current current = sign_in();
  const store::SessionStore::Redemption code{random.id<store::CodeTag>(),
                                             clock.now() + Seconds(60)};
  Sessions::FamilySpec spec;
  spec.holder = kubernetes;
  const auto first = run(sessions().open_family(current.live.sign_in.id, spec, code, caller));
  ASSERT_TRUE(first);
  const auto second = run(sessions().open_family(current.live.sign_in.id, spec, code, caller));
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(Errc::already_redeemed));
  EXPECT_FALSE(lives(first->current));
  EXPECT_TRUE(lives(current)) << "the browser's session isn't the code's";
}

TEST_F(SessionsTest, OfTooManySessionsTheOneUsedLongestAgoEnds) {
  const Current current = sign_in();
  const auto first = family(current);
  clock.advance(Seconds(1));
  const auto second = family(current);
  for (int i = 0; i < 197; ++i) family(current);
  EXPECT_TRUE(lives(first.current)) << "200 with the browser's";
  clock.advance(Seconds(1));
  ASSERT_TRUE(rotate(first.refresh_token));
  family(current);
  EXPECT_TRUE(lives(first.current));
  EXPECT_FALSE(lives(second.current));
  EXPECT_TRUE(lives(current)) << "never the browser's";
}

// --- The upstream behind a refresh ---

TEST_F(SessionsTest, GroupsAreReadAgainAfterTheInterval) {
  const auto first = family(sign_in());
  provider->answer = [](std::string, identity::Grant) {
    return person("alice", {"ops", "auditors"});
  };
  clock.advance(Seconds(60));
  auto next = rotate(first.refresh_token);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->current.principal.groups, std::vector<std::string>{"ops"});
  EXPECT_TRUE(provider->spent.empty());
  clock.advance(Seconds(330));  // with the spread
  next = rotate(next->refresh_token);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->current.principal.groups, (std::vector<std::string>{"auditors", "ops"}));
  EXPECT_EQ(provider->spent.size(), 1u);
}

TEST_F(SessionsTest, WhoIsGoneUpstreamIsSignedOut) {
  const auto first = family(sign_in());
  provider->answer = [](std::string, identity::Grant) -> Result<identity::Identity> {
    return fail(identity::Errc::gone, "unknown");
  };
  clock.advance(Seconds(330));
  const auto refused = rotate(first.refresh_token);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::gone));
  EXPECT_FALSE(browser(cookie));
}

TEST_F(SessionsTest, WhoMayNoLongerSignInIsSignedOut) {
  values->az_groups = {"ops"};
  const auto first = family(sign_in());
  provider->answer = [](std::string, identity::Grant) { return person("alice", {"dev"}); };
  clock.advance(Seconds(330));
  EXPECT_FALSE(rotate(first.refresh_token));
  EXPECT_FALSE(lives(first.current));
}

TEST_F(SessionsTest, AnOutageUpstreamEndsNothingBeforeTheLimit) {
  auto family_now = family(sign_in());
  upstream_is_down();
  for (int i = 0; i < 5; ++i) {
    clock.advance(Seconds(600));
    auto next = rotate(family_now.refresh_token);
    ASSERT_TRUE(next) << i;
    EXPECT_EQ(next->current.principal.user, "alice");
    family_now = std::move(*next);
  }
}

TEST_F(SessionsTest, AnOutageOverTheLimitRefusesButCostsNobodyTheSession) {
  for (const auto origin : {store::Origin::code, store::Origin::pasted}) {
    provider->answer = [](std::string, identity::Grant) { return person(); };
    const auto first = family(sign_in(), origin);
    upstream_is_down();
    clock.advance(Seconds(3'601));
    for (int i = 0; i < 3; ++i) {
      const auto refused = rotate(first.refresh_token);
      ASSERT_FALSE(refused);
      EXPECT_TRUE(refused.error().is(Errc::upstream_stale));
      clock.advance(Seconds(60));
    }
    provider->answer = [](std::string, identity::Grant) { return person(); };
    EXPECT_TRUE(rotate(first.refresh_token)) << "the provider is back, with it the session";
  }
}

TEST_F(SessionsTest, AnOutageOverTheLimitOpensNothingAndSpendsNoCode) {
  values->authentication.web_idle = Seconds(43'200);
  const Current current = sign_in();
  upstream_is_down();
  clock.advance(Seconds(3'601));
  Sessions::FamilySpec spec;
  spec.holder = kubernetes;
  const store::SessionStore::Redemption code{random.id<store::CodeTag>(),
                                             clock.now() + Seconds(60)};
  const auto refused = run(sessions().open_family(current.live.sign_in.id, spec, code, caller));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::upstream_stale));
  provider->answer = [](std::string, identity::Grant) { return person(); };
  clock.advance(Seconds(31));
  EXPECT_TRUE(run(sessions().open_family(current.live.sign_in.id, spec, code, caller)));
}

TEST_F(SessionsTest, AReadThatFailsAfterTheRotationCostsNobodyTheNewToken) {
  const auto first = family(sign_in());
  clock.advance(Seconds(330));
  store.find_sign_in_fails = true;
  const auto second = rotate(first.refresh_token);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->current.principal.user, "alice");
}

// --- Access tokens ---

TEST_F(SessionsTest, AnAccessTokenIsAsGoodAsItsSession) {
  const auto kubectl = family(sign_in());
  const std::string token =
      sessions().seal_access_token({kubectl.current.live.session.id, "kubernetes", "openid",
                                    kubernetes.issuer, clock.now() + Seconds(60)});
  EXPECT_TRUE(run(sessions().open_access_token(token)));
  store::Selector selector;
  selector.session = kubectl.current.live.session.id;
  ASSERT_TRUE(run(sessions().end(selector, "admin", caller)));
  const auto over = run(sessions().open_access_token(token));
  ASSERT_FALSE(over);
  EXPECT_TRUE(over.error().is(Errc::no_session));
}

}  // namespace
}  // namespace openunison::session
