// SPDX-License-Identifier: Apache-2.0
#include "store/conformance.h"

namespace openunison::store {
namespace {

using Outcome = Rotated::Outcome;

class Rotation : public Conformance {
 protected:
  // Rotates the newest generation and moves the clock.
  void rotate_then_wait(const Session& session, std::uint32_t generation, Millis wait) {
    const auto rotated = rotate(rotate_request(session, generation));
    ASSERT_TRUE(rotated);
    ASSERT_EQ(rotated->outcome, Outcome::rotated);
    now += wait;
  }
  Outcome present(const Session& session, std::uint32_t generation) {
    const auto rotated = rotate(rotate_request(session, generation));
    EXPECT_TRUE(rotated);
    return rotated ? rotated->outcome : Outcome::stale;
  }
};

TEST_P(Rotation, TheCurrentGenerationRotates) {
  const Live live = open_client();
  now += Seconds(60);
  RotateRequest request = rotate_request(live.session, 1);
  request.address = "198.51.100.1";
  request.user_agent = "kubectl/1.38";
  const auto rotated = rotate(request);
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->outcome, Outcome::rotated);

  Session expected = live.session;
  expected.generation = 2;
  expected.superseded_at = {now};
  expected.last_used_at = now;
  expected.address = "198.51.100.1";
  expected.user_agent = "kubectl/1.38";
  EXPECT_TRUE(same(rotated->live.session, expected));
  EXPECT_TRUE(same(rotated->live.sign_in, live.sign_in));
  const auto found = find(live.session);
  ASSERT_TRUE(found);
  EXPECT_TRUE(same(found->session, expected));
}

TEST_P(Rotation, ARepeatWithinTheGraceGetsTheNewestGenerationAndChangesNothing) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, Seconds(1));
  rotate_then_wait(live.session, 2, Seconds(1));
  const auto before = find(live.session);
  RotateRequest request = rotate_request(live.session, 1);
  request.address = "another";
  const auto repeated = rotate(request);
  ASSERT_TRUE(repeated);
  EXPECT_EQ(repeated->outcome, Outcome::repeated);
  EXPECT_EQ(repeated->live.session.generation, 3u);
  const auto after = find(live.session);
  ASSERT_TRUE(before && after);
  EXPECT_TRUE(same(before->session, after->session));
}

TEST_P(Rotation, EachOlderGenerationIsJudgedByItsOwnTime) {
  const Live live = open_client();
  const WallTime start = now;
  rotate_then_wait(live.session, 1, Seconds(10));  // superseded at 0 s
  rotate_then_wait(live.session, 2, Seconds(10));  // at 10 s
  rotate_then_wait(live.session, 3, Seconds(0));   // at 20 s
  const struct {
    Millis at;
    Outcome first, second, third;
  } cases[] = {
      {Millis(20'000), Outcome::repeated, Outcome::repeated, Outcome::repeated},
      {Millis(29'999), Outcome::repeated, Outcome::repeated, Outcome::repeated},
      {Millis(30'000), Outcome::stale, Outcome::repeated, Outcome::repeated},
      {Millis(39'999), Outcome::stale, Outcome::repeated, Outcome::repeated},
      {Millis(40'000), Outcome::stale, Outcome::stale, Outcome::repeated},
      {Millis(49'999), Outcome::stale, Outcome::stale, Outcome::repeated},
      {Millis(50'000), Outcome::stale, Outcome::stale, Outcome::stale},
  };
  for (const auto& row : cases) {
    now = start + row.at;
    EXPECT_EQ(present(live.session, 1), row.first) << row.at.count();
    EXPECT_EQ(present(live.session, 2), row.second) << row.at.count();
    EXPECT_EQ(present(live.session, 3), row.third) << row.at.count();
  }
  EXPECT_EQ(present(live.session, 4), Outcome::rotated);
}

TEST_P(Rotation, GenerationsKeepTheirPlaceOverManyRotations) {
  const Live live = open_client();
  for (std::uint32_t generation = 1; generation <= 100; ++generation) {
    rotate_then_wait(live.session, generation, Seconds(20));
  }
  EXPECT_EQ(present(live.session, 100), Outcome::repeated);
  EXPECT_EQ(present(live.session, 99), Outcome::stale);
  EXPECT_EQ(present(live.session, 1), Outcome::stale);
}

TEST_P(Rotation, EightGenerationsAreRemembered) {
  const Live live = open_client();
  for (std::uint32_t generation = 1; generation <= 9; ++generation)
    rotate_then_wait(live.session, generation, Millis(1));
  EXPECT_EQ(present(live.session, 2), Outcome::repeated);
  EXPECT_EQ(present(live.session, 1), Outcome::stale);
}

TEST_P(Rotation, WithoutGraceTheLastGenerationIsStaleAtOnce) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, Seconds(0));
  RotateRequest request = rotate_request(live.session, 1);
  request.grace = Millis(0);
  const auto rotated = rotate(request);
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->outcome, Outcome::stale);
}

TEST_P(Rotation, AStaleGenerationIsRefusedAndCountedAndTheFamilyLivesOn) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, Seconds(30));
  const auto before = find(live.session);
  RotateRequest request = rotate_request(live.session, 1);
  request.address = "another";
  const auto stale = rotate(request);
  ASSERT_TRUE(stale && before);
  EXPECT_EQ(stale->outcome, Outcome::stale);
  EXPECT_EQ(stale->live.session.stale_refusals, 1u);
  EXPECT_EQ(present(live.session, 1), Outcome::stale);
  Session expected = before->session;
  expected.stale_refusals = 2;
  const auto after = find(live.session);
  ASSERT_TRUE(after);
  EXPECT_TRUE(same(after->session, expected));
  EXPECT_EQ(present(live.session, 2), Outcome::rotated);
}

TEST_P(Rotation, WhatIsNotPermittedChangesNothing) {
  const Live live = open_client();
  const auto before = find(live.session);
  RotateRequest request = rotate_request(live.session, 1);
  std::vector<Live> asked;
  request.permit = [&](const Live& shown) -> Result<void> {
    asked.push_back(shown);
    return fail(Errc::conflict, "not now");
  };
  EXPECT_TRUE(failed_with(rotate(request), Errc::conflict));
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_TRUE(same(asked[0].session, live.session));
  EXPECT_EQ(asked[0].sign_in.id, live.sign_in.id);
  const auto after = find(live.session);
  ASSERT_TRUE(before && after);
  EXPECT_TRUE(same(before->session, after->session));

  request.permit = [](const Live&) -> Result<void> { return {}; };
  const auto rotated = rotate(request);
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->outcome, Outcome::rotated);
}

TEST_P(Rotation, ARepeatMustBePermittedAsWellAndAStaleTokenIsStaleInAnyCase) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, Millis(29'999));
  RotateRequest request = rotate_request(live.session, 1);
  request.permit = [](const Live&) -> Result<void> { return fail(Errc::conflict, "not now"); };
  EXPECT_TRUE(failed_with(rotate(request), Errc::conflict));
  now += Millis(1);
  request.now = now;
  const auto stale = rotate(request);
  ASSERT_TRUE(stale);
  EXPECT_EQ(stale->outcome, Outcome::stale);
}

TEST_P(Rotation, AGenerationThatIsNotYetTellsOfAnOldDatabaseAndEndsTheFamily) {
  const Live live = open_client();
  const auto rotated = rotate(rotate_request(live.session, 2));
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->outcome, Outcome::stale);
  EXPECT_TRUE(rotated->ended);
  EXPECT_TRUE(failed_with(find(live.session), Errc::not_found));
}

TEST_P(Rotation, AnotherClientSeesNothingAndChangesNothing) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, Seconds(30));
  const auto before = find(live.session);
  for (const std::uint32_t generation : {1u, 2u, 3u}) {
    RotateRequest request = rotate_request(live.session, generation);
    request.client_id = "another";
    EXPECT_TRUE(failed_with(rotate(request), Errc::not_found)) << generation;
  }
  const auto after = find(live.session);
  ASSERT_TRUE(before && after);
  EXPECT_TRUE(same(before->session, after->session));
}

TEST_P(Rotation, OnlyLivingFamiliesRotate) {
  const Live browser = open_web();
  EXPECT_TRUE(failed_with(rotate(rotate_request(browser.session, 1)), Errc::not_found));
  EXPECT_TRUE(failed_with(rotate(rotate_request(client(browser.sign_in), 1)), Errc::not_found));

  SignIn short_lived = sign_in();
  short_lived.expires_at = now + Seconds(100);
  const Live live = open_client(short_lived);
  now += Millis(99'999);
  EXPECT_EQ(present(live.session, 1), Outcome::rotated);
  now += Millis(1);
  EXPECT_TRUE(failed_with(rotate(rotate_request(live.session, 2)), Errc::not_found));
}

TEST_P(Rotation, AFamilyIdlesOut) {
  const SignIn owner = sign_in();
  Session session = client(owner);
  session.idle_limit = Seconds(600);
  ASSERT_TRUE(run(store_->open(owner, session)));
  rotate_then_wait(session, 1, Millis(599'999));
  rotate_then_wait(session, 2, Seconds(600));
  EXPECT_TRUE(failed_with(rotate(rotate_request(session, 3)), Errc::not_found));
}

TEST_P(Rotation, AnUnusedFamilyDiesEarlyAndAUsedOneDoesNot) {
  const SignIn owner = sign_in();
  Session unused = client(owner);
  Session used = client(owner);
  unused.unused_until = used.unused_until = now + Seconds(600);
  ASSERT_TRUE(run(store_->open(owner, unused)));
  ASSERT_TRUE(run(store_->add(used, std::nullopt, now)));
  now += Millis(599'999);
  EXPECT_TRUE(lives(unused));
  EXPECT_EQ(present(used, 1), Outcome::rotated);
  now += Millis(1);
  EXPECT_TRUE(failed_with(find(unused), Errc::not_found));
  EXPECT_TRUE(failed_with(rotate(rotate_request(unused, 1)), Errc::not_found));
  EXPECT_EQ(present(used, 2), Outcome::rotated);
}

TEST_P(Rotation, AClockThatWasSetBackDoesNotBringOldTokensBackForLong) {
  const Live live = open_client();
  now += std::chrono::hours(2);
  rotate_then_wait(live.session, 1, -Seconds(299));
  EXPECT_EQ(present(live.session, 1), Outcome::repeated);
  now -= Seconds(1);
  EXPECT_EQ(present(live.session, 1), Outcome::stale);
}

TEST_P(Rotation, LastUseNeverMovesBack) {
  const Live live = open_client();
  rotate_then_wait(live.session, 1, -Seconds(60));
  const auto rotated = rotate(rotate_request(live.session, 2));
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->live.session.last_used_at, now + Seconds(60));
}

INSTANTIATE_TEST_SUITE_P(Stores, Rotation, ::testing::ValuesIn(stores()), kind_name);

}  // namespace
}  // namespace openunison::store
