// SPDX-License-Identifier: Apache-2.0
#include "store/conformance.h"

namespace openunison::store {
namespace {

class Sessions : public Conformance {
 protected:
  SessionStore::Redemption code(Seconds life = Seconds(600)) {
    return {random.id<CodeTag>(), now + life};
  }
};

TEST_P(Sessions, EveryFieldComesBack) {
  SignIn owner = sign_in();
  owner.reread_in_flight = true;
  owner.version = 5;
  Session browser = web(owner);
  ASSERT_TRUE(run(store_->open(owner, browser)));
  Session family = client(owner);
  family.origin = Origin::pasted;
  family.unused_until = now + Seconds(600);
  family.generation = 1;
  family.superseded_at = {now - Seconds(2), now - Seconds(1)};
  family.stale_refusals = 3;
  ASSERT_TRUE(run(store_->add(family, std::nullopt, now)));

  const auto by_id = find(browser);
  ASSERT_TRUE(by_id);
  EXPECT_TRUE(same(by_id->session, browser));
  EXPECT_TRUE(same(by_id->sign_in, owner));
  const auto by_token = run(store_->find_web(browser.token_hash, now));
  ASSERT_TRUE(by_token);
  EXPECT_TRUE(same(by_token->session, browser));
  EXPECT_TRUE(same(by_token->sign_in, owner));
  const auto second = find(family);
  ASSERT_TRUE(second);
  EXPECT_TRUE(same(second->session, family));
  const auto alone = run(store_->find_sign_in(owner.id, now));
  ASSERT_TRUE(alone);
  EXPECT_TRUE(same(*alone, owner));
}

TEST_P(Sessions, EmptyFieldsStayEmpty) {
  SignIn owner;
  owner.id = random.id<SignInTag>();
  owner.expires_at = now + Seconds(100);
  Session bare;
  bare.id = random.id<SessionTag>();
  bare.sign_in = owner.id;
  bare.last_used_at = now;
  ASSERT_TRUE(run(store_->open(owner, bare)));
  const auto found = find(bare);
  ASSERT_TRUE(found);
  EXPECT_TRUE(same(found->session, bare));
  EXPECT_TRUE(same(found->sign_in, owner));
}

TEST_P(Sessions, UnknownOnesAreNotFound) {
  open_web();
  open_client();  // has no token hash
  EXPECT_TRUE(failed_with(run(store_->find(random.id<SessionTag>(), now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->find_web(random.bytes(32), now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->find_web("", now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->find_sign_in(random.id<SignInTag>(), now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->touch(random.id<SessionTag>(), now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->redeemed_by(random.id<CodeTag>(), now)), Errc::not_found));
}

TEST_P(Sessions, NothingIsOpenedUnderATakenName) {
  const Live live = open_web();
  SignIn same_id = sign_in("bob");
  same_id.id = live.sign_in.id;
  EXPECT_TRUE(failed_with(run(store_->open(same_id, web(same_id))), Errc::conflict));

  const SignIn other = sign_in("bob");
  Session same_session = web(other);
  same_session.id = live.session.id;
  EXPECT_TRUE(failed_with(run(store_->open(other, same_session)), Errc::conflict));
  Session same_token = web(other);
  same_token.token_hash = live.session.token_hash;
  EXPECT_TRUE(failed_with(run(store_->open(other, same_token)), Errc::conflict));
  EXPECT_TRUE(failed_with(run(store_->find_sign_in(other.id, now)), Errc::not_found));

  const auto redemption = code();
  Session added = client(live.sign_in);
  added.id = live.session.id;
  EXPECT_TRUE(failed_with(run(store_->add(added, redemption, now)), Errc::conflict));
  EXPECT_TRUE(failed_with(run(store_->redeemed_by(redemption.code, now)), Errc::not_found));

  const auto found = run(store_->find_web(live.session.token_hash, now));
  ASSERT_TRUE(found);
  EXPECT_TRUE(same(found->session, live.session));
  EXPECT_TRUE(same(found->sign_in, live.sign_in));
  EXPECT_TRUE(run(store_->open(other, web(other))));  // what was refused left nothing
}

// --- When it is over ---

TEST_P(Sessions, ASessionIdlesOutAtItsLimit) {
  const Live live = open_web();
  now += Millis(899'999);
  EXPECT_TRUE(lives(live.session));
  now += Millis(1);
  EXPECT_TRUE(failed_with(find(live.session), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->find_web(live.session.token_hash, now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->touch(live.session.id, now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->find_sign_in(live.sign_in.id, now)), Errc::not_found));
  EXPECT_TRUE(
      failed_with(run(store_->add(client(live.sign_in), std::nullopt, now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->update(live.sign_in, now)), Errc::not_found));
  Selector all;
  all.all = true;
  EXPECT_TRUE(list(all).empty());
  EXPECT_TRUE(end(all).empty());
}

TEST_P(Sessions, AUseKeepsItAliveAndCountsAtOnce) {
  const Live live = open_web();
  now += Seconds(899);
  ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  now += Seconds(899);
  const auto found = run(store_->find_web(live.session.token_hash, now));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session.last_used_at, now - Seconds(899));
  EXPECT_TRUE(run(store_->find_sign_in(live.sign_in.id, now)));
  Selector all;
  all.all = true;
  EXPECT_EQ(list(all), std::vector{live.session.id});
  EXPECT_EQ(run(store_->sweep(now, 10)), std::size_t{0});
  EXPECT_TRUE(run(store_->update(live.sign_in, now)));
  EXPECT_TRUE(run(store_->add(client(live.sign_in), std::nullopt, now)));
  now += Seconds(1);
  EXPECT_FALSE(lives(live.session));
}

TEST_P(Sessions, AUseNeverMovesBack) {
  const Live live = open_web();
  now += Seconds(100);
  ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  ASSERT_TRUE(run(store_->touch(live.session.id, now - Seconds(50))));
  const auto found = find(live.session);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session.last_used_at, now);
}

TEST_P(Sessions, NoUseOutlivesTheSignIn) {
  SignIn owner = sign_in();
  owner.expires_at = now + Seconds(1'000);
  const Live live = open_web(owner);
  now += Seconds(800);
  ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  now += Millis(199'999);
  EXPECT_TRUE(lives(live.session));
  now += Millis(1);
  EXPECT_FALSE(lives(live.session));
}

TEST_P(Sessions, TheSignInLivesWhileOneOfItsSessionsDoes) {
  const Live browser = open_web();
  const Session family = client(browser.sign_in);
  ASSERT_TRUE(run(store_->add(family, std::nullopt, now)));
  now += Seconds(900);
  EXPECT_FALSE(lives(browser.session));
  EXPECT_TRUE(lives(family));
  EXPECT_TRUE(run(store_->find_sign_in(browser.sign_in.id, now)));
  EXPECT_TRUE(run(store_->add(client(browser.sign_in), std::nullopt, now)));
}

// --- Codes ---

TEST_P(Sessions, ACodeIsRedeemedOnce) {
  const Live live = open_web();
  const auto redemption = code();
  const Session first = client(live.sign_in);
  const Session second = client(live.sign_in);
  ASSERT_TRUE(run(store_->add(first, redemption, now)));
  EXPECT_TRUE(failed_with(run(store_->add(second, redemption, now)), Errc::already_used));
  EXPECT_FALSE(lives(second));
  EXPECT_EQ(run(store_->redeemed_by(redemption.code, now)), first.id);
  EXPECT_TRUE(run(store_->add(second, code(), now)));
}

TEST_P(Sessions, ACodeStaysUsedWhenItsSessionIsOver) {
  const Live live = open_web();
  const auto redemption = code();
  const Session first = client(live.sign_in);
  ASSERT_TRUE(run(store_->add(first, redemption, now)));
  Selector everything;
  everything.sign_in = live.sign_in.id;
  end(everything);
  const Live again = open_web();
  EXPECT_TRUE(
      failed_with(run(store_->add(client(again.sign_in), redemption, now)), Errc::already_used));
  EXPECT_EQ(run(store_->redeemed_by(redemption.code, now)), first.id);
}

TEST_P(Sessions, ARedemptionIsForgottenWhenItExpires) {
  const Live live = open_client();
  const auto redemption = code(Seconds(600));
  ASSERT_TRUE(run(store_->add(client(live.sign_in), redemption, now)));
  now += Millis(599'999);
  EXPECT_TRUE(run(store_->redeemed_by(redemption.code, now)));
  EXPECT_TRUE(
      failed_with(run(store_->add(client(live.sign_in), redemption, now)), Errc::already_used));
  now += Millis(1);
  EXPECT_TRUE(failed_with(run(store_->redeemed_by(redemption.code, now)), Errc::not_found));
}

TEST_P(Sessions, ACodeOfASignInThatIsOverIsNotUsedUp) {
  const Live over = open_web();
  now += Seconds(900);
  const auto redemption = code();
  EXPECT_TRUE(
      failed_with(run(store_->add(client(over.sign_in), redemption, now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->redeemed_by(redemption.code, now)), Errc::not_found));
  const Live live = open_web();
  EXPECT_TRUE(run(store_->add(client(live.sign_in), redemption, now)));
}

// --- Update ---

TEST_P(Sessions, AnUpdateReplacesWhatTheUpstreamSays) {
  const Live live = open_web();
  SignIn changed = sign_in("carol", "another");
  changed.id = live.sign_in.id;
  changed.recheckable = false;
  changed.reread_in_flight = true;
  changed.checked_at = now + Seconds(5);
  changed.grant = "another grant";
  changed.expires_at += Seconds(100);
  ASSERT_EQ(run(store_->update(changed, now)), std::uint64_t{2});

  SignIn expected = live.sign_in;
  expected.user = changed.user;
  expected.principal = changed.principal;
  expected.upstream_sid = changed.upstream_sid;
  expected.grant = changed.grant;
  expected.checked_at = changed.checked_at;
  expected.recheckable = false;
  expected.reread_in_flight = true;
  expected.version = 2;
  const auto found = run(store_->find_sign_in(live.sign_in.id, now));
  ASSERT_TRUE(found);
  EXPECT_TRUE(same(*found, expected));
}

TEST_P(Sessions, AnUpdateOfAnOldVersionLoses) {
  const Live live = open_web();
  SignIn first = live.sign_in;
  first.user = "first";
  SignIn second = live.sign_in;
  second.user = "second";
  ASSERT_TRUE(run(store_->update(first, now)));
  EXPECT_TRUE(failed_with(run(store_->update(second, now)), Errc::conflict));
  const auto found = find(live.session);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sign_in.user, "first");
  second.version = found->sign_in.version;
  EXPECT_EQ(run(store_->update(second, now)), std::uint64_t{3});
  second.version = 4;  // one that isn't yet
  EXPECT_TRUE(failed_with(run(store_->update(second, now)), Errc::conflict));
}

TEST_P(Sessions, SelectorsFollowAnUpdate) {
  const Live live = open_web();
  SignIn changed = live.sign_in;
  changed.user = "alice.renamed";
  changed.upstream_sid = "new sid";
  ASSERT_TRUE(run(store_->update(changed, now)));
  Selector old_user, old_sid, user, sid;
  old_user.user = "alice";
  old_sid.upstream_sid = {"okta", live.sign_in.upstream_sid};
  user.user = "alice.renamed";
  sid.upstream_sid = {"okta", "new sid"};
  EXPECT_TRUE(list(old_user).empty());
  EXPECT_TRUE(list(old_sid).empty());
  EXPECT_EQ(list(user), std::vector{live.session.id});
  EXPECT_EQ(end(sid), std::vector{live.session.id});
  EXPECT_TRUE(list(user).empty());
}

// --- Sweeping ---

TEST_P(Sessions, SweepingTakesBoundedStepsAndSparesTheLiving) {
  std::vector<Live> dead;
  std::vector<Live> living;
  for (int i = 0; i < 10; ++i) dead.push_back(open_web());
  for (int i = 0; i < 5; ++i) living.push_back(open_client());
  const Live mixed = open_web();
  const Session family = client(mixed.sign_in);
  ASSERT_TRUE(run(store_->add(family, code(Seconds(900)), now)));
  const auto remembered = code(Seconds(901));
  ASSERT_TRUE(run(store_->add(client(mixed.sign_in), remembered, now)));
  now += Seconds(900);

  std::size_t swept = 0;
  for (int step = 0; step < 100; ++step) {
    const auto count = run(store_->sweep(now, 3));
    ASSERT_TRUE(count);
    ASSERT_LE(*count, 3u);
    if (*count == 0) break;
    swept += *count;
  }
  EXPECT_EQ(swept, 12u);  // ten browsers, the mixed one's, and a code
  EXPECT_EQ(run(store_->sweep(now, 3)), std::size_t{0});
  EXPECT_EQ(run(store_->count()), (SessionCounts{.web = 0, .client = 7}));
  for (const Live& live : living) EXPECT_TRUE(lives(live.session));
  EXPECT_TRUE(lives(family));
  EXPECT_TRUE(run(store_->redeemed_by(remembered.code, now)));
  EXPECT_TRUE(run(store_->open(dead[0].sign_in, dead[0].session)));  // its rows are gone
}

TEST_P(Sessions, SweepingFindsWhatIsOverBehindWhatWasUsed) {
  std::vector<Live> used;
  for (int i = 0; i < 20; ++i) used.push_back(open_web());
  now += Seconds(1);
  const Live idle = open_web();
  now += Seconds(800);
  for (const Live& live : used) ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  now += Seconds(100);
  EXPECT_EQ(run(store_->sweep(now, 2)), std::size_t{1});
  EXPECT_EQ(run(store_->sweep(now, 2)), std::size_t{0});
  EXPECT_EQ(run(store_->count()), (SessionCounts{.web = 20, .client = 0}));
  now += Seconds(800);
  EXPECT_EQ(run(store_->sweep(now, 100)), std::size_t{20});
}

TEST_P(Sessions, SweepingAFamilyThatWasRefreshedWaitsForItsNewEnd) {
  const SignIn owner = sign_in();
  Session family = client(owner);
  family.unused_until = now + Seconds(600);
  family.idle_limit = Seconds(1'000);
  ASSERT_TRUE(run(store_->open(owner, family)));
  ASSERT_TRUE(rotate(rotate_request(family, 1)));
  now += Seconds(999);
  EXPECT_EQ(run(store_->sweep(now, 10)), std::size_t{0});
  EXPECT_TRUE(lives(family));
  now += Seconds(1);
  EXPECT_EQ(run(store_->sweep(now, 10)), std::size_t{1});
  EXPECT_EQ(total(run(store_->count())), std::size_t{0});
}

TEST_P(Sessions, AProbeSucceeds) {
  EXPECT_TRUE(run(store_->probe()));
  EXPECT_TRUE(run(store_->probe()));
}

INSTANTIATE_TEST_SUITE_P(Stores, Sessions, ::testing::ValuesIn(stores()), kind_name);

}  // namespace
}  // namespace openunison::store
