// SPDX-License-Identifier: Apache-2.0
#include "store/conformance.h"

namespace openunison::store {
namespace {

// alice twice at okta, bob at okta, and an alice at another provider who is somebody else.
class Selectors : public Conformance {
 protected:
  void SetUp() override {
    SignIn unnamed = sign_in("alice");
    unnamed.upstream_sid.clear();
    first_ = open_web(unnamed);
    now += Seconds(1);
    second_ = open_client(sign_in("alice"));
    now += Seconds(1);
    bob_ = open_web(sign_in("bob"));
    now += Seconds(1);
    other_ = open_web(sign_in("alice", "ldap"));
    now += Seconds(1);
    family_ = client(first_.sign_in);
    ASSERT_TRUE(run(store_->add(family_, std::nullopt, now)));
  }

  std::vector<SessionId> everything() {
    Selector all;
    all.all = true;
    return list(all);
  }

  struct Case {
    const char* name;
    Selector selector;
    std::vector<SessionId> matches;  // newest sign-in first
  };
  std::vector<Case> cases() const {
    const SessionId a = first_.session.id, b = family_.id, c = second_.session.id,
                    d = bob_.session.id, e = other_.session.id;
    std::vector<Case> cases;
    const auto add = [&](const char* name, std::vector<SessionId> matches) -> Selector& {
      cases.push_back({name, {}, std::move(matches)});
      return cases.back().selector;
    };
    add("session", {a}).session = a;
    add("sign_in", {a, b}).sign_in = first_.sign_in.id;
    add("account", {c, a, b}).account = {"okta", "subject of alice"};
    add("account of another provider", {e}).account = {"ldap", "subject of alice"};
    add("whole provider", {d, c, a, b}).account = {"okta", ""};
    add("subject anywhere", {e, c, a, b}).account = {"", "subject of alice"};
    add("upstream sid", {c}).upstream_sid = {"okta", second_.sign_in.upstream_sid};
    add("upstream sid anywhere", {c}).upstream_sid = {"", second_.sign_in.upstream_sid};
    add("upstream sid of another provider", {}).upstream_sid = {"ldap",
                                                                second_.sign_in.upstream_sid};
    add("user", {e, c, a, b}).user = "alice";
    add("all", {e, d, c, a, b}).all = true;
    add("nothing set", {});
    add("empty account", {}).account = Selector::Account{};
    add("empty upstream sid", {}).upstream_sid = {"okta", ""};
    add("unknown session", {}).session = SessionId{};
    add("unknown sign-in", {}).sign_in = SignInId{};
    add("unknown user", {}).user = "ALICE";
    Selector& unnamed = add("sign-ins of the account that are unnamed upstream", {a, b});
    unnamed.account = {"okta", "subject of alice"};
    unnamed.without_upstream_sid = true;
    Selector& others_of_sign_in = add("others of the sign-in", {a});
    others_of_sign_in.sign_in = first_.sign_in.id;
    others_of_sign_in.except = b;
    Selector& others_of_account = add("others of the account", {c, a});
    others_of_account.account = {"okta", "subject of alice"};
    others_of_account.except = b;
    return cases;
  }

  Live first_, second_, bob_, other_;
  Session family_;
};

TEST_P(Selectors, ListWhatMatchesNewestFirst) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(list(c.selector), c.matches);
  }
  EXPECT_EQ(everything().size(), 5u);
}

TEST_P(Selectors, AListIsCutAtItsLimit) {
  Selector all;
  all.all = true;
  EXPECT_EQ(list(all, 0), std::vector<SessionId>());
  EXPECT_EQ(list(all, 3), (std::vector{other_.session.id, bob_.session.id, second_.session.id}));
  now += Seconds(900);  // the browsers have idled out
  EXPECT_EQ(list(all, 2), (std::vector{second_.session.id, family_.id}));
}

TEST_P(Selectors, AListHoldsWholeRecords) {
  Selector user;
  user.user = "bob";
  const auto found = run(store_->list(user, 10, now));
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_TRUE(same(found->front().session, bob_.session));
  EXPECT_TRUE(same(found->front().sign_in, bob_.sign_in));
}

// One case a store, so that every selector meets all five sessions.
TEST_P(Selectors, EndWhatMatchesAndNothingElse) {
  for (std::size_t i = 0; i < cases().size(); ++i) {
    Selector rest;
    rest.all = true;
    end(rest);
    SetUp();
    const Case c = cases()[i];
    SCOPED_TRACE(c.name);
    std::vector<SessionId> left = everything();
    std::erase_if(
        left, [&](SessionId id) { return std::ranges::find(c.matches, id) != c.matches.end(); });
    const auto ended = run(store_->end(c.selector, now));
    ASSERT_TRUE(ended);
    std::vector<SessionId> sorted = ids(*ended), expected = c.matches;
    std::ranges::sort(sorted);
    std::ranges::sort(expected);
    EXPECT_EQ(sorted, expected);
    EXPECT_EQ(everything(), left);
    for (const Live& live : *ended) {
      EXPECT_TRUE(failed_with(find(live.session), Errc::not_found));
      EXPECT_TRUE(
          failed_with(run(store_->find_web(live.session.token_hash, now)), Errc::not_found));
    }
    EXPECT_TRUE(end(c.selector).empty());
  }
}

TEST_P(Selectors, ASignInEndsWithItsLastSession) {
  Selector session;
  session.session = first_.session.id;
  end(session);
  EXPECT_TRUE(run(store_->find_sign_in(first_.sign_in.id, now)));
  session.session = family_.id;
  end(session);
  EXPECT_TRUE(failed_with(run(store_->find_sign_in(first_.sign_in.id, now)), Errc::not_found));
  EXPECT_TRUE(
      failed_with(run(store_->add(client(first_.sign_in), std::nullopt, now)), Errc::not_found));
}

TEST_P(Selectors, EndingGivesWholeRecordsOfWhatLivedOnly) {
  now += Seconds(900);  // the browsers have idled out
  Selector sign_in;
  sign_in.sign_in = first_.sign_in.id;
  const auto ended = run(store_->end(sign_in, now));
  ASSERT_TRUE(ended && ended->size() == 1);
  EXPECT_TRUE(same(ended->front().session, family_));
  EXPECT_TRUE(same(ended->front().sign_in, first_.sign_in));
  EXPECT_TRUE(
      run(store_->open(first_.sign_in, first_.session)));  // what had idled out is gone as well
}

TEST_P(Selectors, WhatEndedIsNotSweptAgain) {
  Selector all;
  all.all = true;
  EXPECT_EQ(end(all).size(), 5u);
  now += std::chrono::hours(24);
  EXPECT_EQ(run(store_->sweep(now, 100)), std::size_t{0});
  EXPECT_EQ(total(run(store_->count())), std::size_t{0});
}

INSTANTIATE_TEST_SUITE_P(Stores, Selectors, ::testing::ValuesIn(stores()), kind_name);

}  // namespace
}  // namespace openunison::store
