// SPDX-License-Identifier: Apache-2.0
#include "session/reread.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::session {
namespace {

using testing::House;
using testing::person;

class RereadTest : public ::testing::Test, protected House {
 protected:
  RereadTest() {
    rereader_ = std::make_unique<Rereader>(
        Dependencies{values, &store, connectors.get(), &master, &random, &clock},
        [this](store::SignInId id, std::string reason) -> Task<void> {
          store::Selector selector;
          selector.sign_in = id;
          EXPECT_TRUE(co_await store.end(selector, clock.now()));
          ended_.push_back(std::move(reason));
        });
    // Rotates its refresh token with each use, as Okta may.
    provider->answer = [this](std::string, identity::Grant) {
      identity::Identity who = person("alice", groups_);
      who.grant->refresh_token = Secret("upstream-" + std::to_string(provider->spent.size() + 1));
      return who;
    };
  }

  store::SignIn stored(const Current& current) {
    auto found = run(store.find_sign_in(current.live.sign_in.id, clock.now()));
    CHECK(found);
    return std::move(*found);
  }
  void refresh(store::SignIn sign_in, http::TraceContext trace = {}) {
    run(rereader_->refresh(std::move(sign_in), Seconds(5), std::move(trace)));
  }
  std::string upstream_token(const Current& current) {
    return std::string(rereader_->open(stored(current))->refresh_token.reveal());
  }

  std::vector<std::string> groups_{"ops"};
  std::vector<std::string> ended_;
  std::unique_ptr<Rereader> rereader_;
};

TEST_F(RereadTest, IsPartOfTheTraceOfTheRequestThatAskedForIt) {
  const Current current = sign_in();
  refresh(stored(current), http::TraceContext::begin(1, 2, 3));
  EXPECT_EQ(provider->traces,
            std::vector<std::string>{std::string(http::TraceContext::begin(1, 2, 3).trace_id())});
}

TEST_F(RereadTest, IsCountedByProviderAndOutcome) {
  const auto count = [](const char* outcome) {
    return http::testing::metric(std::string("openunison_upstream_rereads_total{outcome=\"") +
                                 outcome + "\",provider=\"okta\"}");
  };
  const double confirmed = count("confirmed"), gone = count("gone");
  const Current current = sign_in();
  refresh(stored(current));
  EXPECT_EQ(count("confirmed"), confirmed + 1);
  provider->answer = [](std::string, identity::Grant) -> Result<identity::Identity> {
    return fail(identity::Errc::gone, "left");
  };
  refresh(stored(current));
  EXPECT_EQ(count("gone"), gone + 1);
}

TEST_F(RereadTest, AClockThatWasSetBackDoesntGiveADayWithoutACheck) {
  const Current current = sign_in();
  clock.step(-Seconds(30));
  EXPECT_FALSE(rereader_->due(stored(current))) << "threads and servers are a little apart";
  clock.step(-Seconds(300));
  EXPECT_TRUE(rereader_->due(stored(current)));
  EXPECT_FALSE(rereader_->stale(stored(current))) << "some minutes refuse nobody";
  clock.step(-Seconds(86'400));
  EXPECT_TRUE(rereader_->stale(stored(current))) << "nobody knows how long ago it was";

  refresh(stored(current));
  EXPECT_FALSE(rereader_->due(stored(current)));
  EXPECT_FALSE(rereader_->stale(stored(current)));
  EXPECT_TRUE(ended_.empty());
}

TEST_F(RereadTest, IsDueAfterTheIntervalAndALittleSpread) {
  const Current current = sign_in();
  clock.advance(Seconds(299));
  EXPECT_FALSE(rereader_->due(stored(current)));
  clock.advance(Seconds(31));
  EXPECT_TRUE(rereader_->due(stored(current)));
  identity::Identity silent = person();
  silent.recheckable = false;
  const Current never = sign_in(silent);
  clock.advance(Seconds(100'000));
  EXPECT_FALSE(rereader_->due(never.live.sign_in));
  EXPECT_FALSE(rereader_->stale(never.live.sign_in)) << "nobody can be asked about this one";
}

TEST_F(RereadTest, WhatIsDueTogetherIsSpreadOut) {
  int due = 0;
  for (int i = 0; i < 64; ++i) {
    store::SignIn sign_in;
    sign_in.id = random.id<store::SignInTag>();
    sign_in.recheckable = true;
    sign_in.checked_at = clock.now() - Seconds(315);
    due += rereader_->due(sign_in) ? 1 : 0;
  }
  EXPECT_GT(due, 8);
  EXPECT_LT(due, 56);
}

TEST_F(RereadTest, KeepsTheRotatedGrantAndTheNewGroups) {
  const Current current = sign_in();
  groups_ = {"auditors"};
  clock.advance(Seconds(400));
  refresh(stored(current));
  const store::SignIn now = stored(current);
  EXPECT_EQ(now.checked_at, clock.now());
  EXPECT_FALSE(now.reread_in_flight);
  EXPECT_EQ(upstream_token(current), "upstream-2");
  EXPECT_EQ(identity::Principal::from_text(now.principal)->groups,
            std::vector<std::string>{"auditors"});
}

// The copy was read while another re-read ran and is used after it: its grant is spent. A provider
// that sees a grant a second time revokes all of them.
TEST_F(RereadTest, ACopyFromWhileAnotherRanSpendsNothing) {
  const Current current = sign_in();
  clock.advance(Seconds(400));
  store::SignIn copy = stored(current);
  refresh(copy);
  ASSERT_EQ(provider->spent, std::vector<std::string>{"upstream-1"});
  copy.reread_in_flight = true;
  copy.version += 1;
  refresh(copy);
  EXPECT_EQ(provider->spent, std::vector<std::string>{"upstream-1"});
  EXPECT_TRUE(ended_.empty());
}

TEST_F(RereadTest, ManyAtOnceAskOnce) {
  const Current current = sign_in();
  clock.advance(Seconds(400));
  provider->gate = std::make_shared<net::Completion>();
  const store::SignIn copy = stored(current);
  run([](Rereader& rereader, net::Completion& gate, store::SignIn sign_in) -> Task<void> {
    for (int i = 0; i < 20; ++i) co_await rereader.refresh(sign_in, Millis::zero(), {});
    gate.complete();
    co_await rereader.refresh(sign_in, Seconds(5), {});
  }(*rereader_, *provider->gate, copy));
  EXPECT_EQ(provider->spent.size(), 1u);
}

TEST_F(RereadTest, AFailureIsNotTriedAgainAtOnce) {
  const Current current = sign_in();
  provider->answer = [](std::string, identity::Grant) -> Result<identity::Identity> {
    return fail(identity::Errc::unreachable, "no answer");
  };
  clock.advance(Seconds(400));
  refresh(stored(current));
  refresh(stored(current));
  EXPECT_EQ(provider->spent.size(), 1u);
  clock.advance(Seconds(31));
  refresh(stored(current));
  EXPECT_EQ(provider->spent.size(), 2u);
  EXPECT_TRUE(ended_.empty());
}

TEST_F(RereadTest, GoneEndsTheSignIn) {
  const Current current = sign_in();
  provider->answer = [](std::string, identity::Grant) -> Result<identity::Identity> {
    return fail(identity::Errc::gone, "invalid_grant");
  };
  refresh(stored(current));
  EXPECT_EQ(ended_, std::vector<std::string>{"upstream_gone"});
}

// A crash between the upstream's answer and our commit loses the new grant: invalid_grant is then
// no word about the person. The access token tells, while it is good.
TEST_F(RereadTest, GoneAfterAnInterruptedTryAsksWithTheAccessToken) {
  for (const bool access_token_is_good : {true, false}) {
    ended_.clear();
    provider->spent.clear();
    identity::Identity who = person();
    who.grant->access_token = Secret("upstream-access");
    who.grant->access_expires_at =
        clock.now() + (access_token_is_good ? Seconds(3'600) : Seconds(1));
    const Current current = sign_in(who);
    clock.advance(Seconds(400));
    store::SignIn interrupted = stored(current);
    interrupted.reread_in_flight = true;
    const auto version = run(store.update(interrupted, clock.now()));
    ASSERT_TRUE(version);

    provider->answer = [](std::string, identity::Grant grant) -> Result<identity::Identity> {
      if (!grant.refresh_token.empty()) return fail(identity::Errc::gone, "invalid_grant");
      identity::Identity same = person();
      same.grant = std::move(grant);
      return same;
    };
    refresh(stored(current));
    EXPECT_TRUE(ended_.empty());
    EXPECT_EQ(provider->spent.size(), access_token_is_good ? 2u : 1u);
    EXPECT_EQ(stored(current).checked_at == clock.now(), access_token_is_good);
    EXPECT_EQ(stored(current).reread_in_flight, !access_token_is_good);
  }
}

TEST_F(RereadTest, WithoutItsProviderASignInEnds) {
  const Current current = sign_in();
  store::SignIn orphan = stored(current);
  orphan.provider = "former";
  refresh(orphan);
  EXPECT_EQ(ended_, std::vector<std::string>{"provider_removed"});
}

TEST_F(RereadTest, ASealedGrantOpensForItsOwnSignInOnly) {
  const Current mine = sign_in(), other = sign_in(person("bob"));
  store::SignIn swapped = stored(mine);
  swapped.grant = stored(other).grant;
  EXPECT_TRUE(rereader_->open(stored(mine)));
  EXPECT_FALSE(rereader_->open(swapped));
}

}  // namespace
}  // namespace openunison::session
