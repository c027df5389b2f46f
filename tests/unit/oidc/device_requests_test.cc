// SPDX-License-Identifier: Apache-2.0
#include "oidc/device_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "oidc/error.h"

namespace openunison::oidc {
namespace {

using Answer = DeviceRequests::Answer;
using ::testing::MatchesRegex;

class DeviceRequestsTest : public ::testing::Test {
 protected:
  static DeviceRequests::Asked asked(std::string address = "192.0.2.7", bool is_public = true) {
    return {"kubernetes", "openid groups", "laptop", std::move(address), "kubectl", {}, is_public};
  }
  DeviceRequests::Codes ask(std::string address = "192.0.2.7") {
    auto codes = requests.ask(asked(std::move(address)), random, now);
    EXPECT_TRUE(codes);
    return codes ? *codes : DeviceRequests::Codes();
  }
  Answer poll(const DeviceRequests::Codes& codes) {
    return requests.poll(codes.device, "kubernetes", now).answer;
  }

  crypto::SeededRandom random{11};
  DeviceRequests requests{{.rows = 6, .per_address = 3}};
  MonoTime now{Seconds(1'000)};
  const store::SignInId alice = random.id<store::SignInTag>();
};

TEST_F(DeviceRequestsTest, CodesAreOfTheFormThatTheRfcNames) {
  DeviceRequests many{{.rows = 2'000, .per_address = 2'000}};
  std::set<std::string> user_codes;
  std::set<char> letters;
  for (int i = 0; i < 1'000; ++i) {
    const auto codes = many.ask(asked(), random, now);
    ASSERT_TRUE(codes);
    EXPECT_EQ(codes->device.size(), 43u);
    EXPECT_THAT(codes->user, MatchesRegex("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}"));
    user_codes.insert(codes->user);
    letters.insert(codes->user.begin(), codes->user.end());
  }
  EXPECT_EQ(user_codes.size(), 1'000u);
  EXPECT_EQ(letters.size(), 21u);  // all twenty and the dash
}

TEST_F(DeviceRequestsTest, UserCodesAreReadAsPeopleTypeThem) {
  for (const char* typed : {"WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T"})
    EXPECT_EQ(parse_user_code(typed), "WDJB-MJHT") << typed;
  for (const char* typed : {"", "WDJB", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB_MJHT",
                            "WDJB-MJH\n", "WDJBMJHTWDJBMJHT", "ẄDJB-MJHT"})
    EXPECT_EQ(parse_user_code(typed), std::nullopt) << typed;
}

TEST_F(DeviceRequestsTest, WaitsUntilSomebodyAllows) {
  const auto codes = ask();
  EXPECT_EQ(poll(codes), Answer::pending);
  EXPECT_EQ(requests.look(codes.user, now)->device_name, "laptop");
  EXPECT_TRUE(requests.decide(codes.user, alice, now));
  EXPECT_FALSE(requests.look(codes.user, now));  // decided
  const auto polled = requests.poll(codes.device, "kubernetes", now);
  EXPECT_EQ(polled.answer, Answer::allowed);
  EXPECT_EQ(polled.sign_in, alice);
  EXPECT_EQ(polled.asked.scope, "openid groups");
}

TEST_F(DeviceRequestsTest, OneCallGetsIt) {
  const auto codes = ask();
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  EXPECT_EQ(poll(codes), Answer::allowed);
  EXPECT_EQ(poll(codes), Answer::unknown);
  requests.give_back(codes.device);
  EXPECT_EQ(poll(codes), Answer::allowed);
  std::ignore = requests.finish(codes.device);
  EXPECT_EQ(poll(codes), Answer::unknown);
  requests.give_back(codes.device);
  EXPECT_EQ(poll(codes), Answer::unknown);
}

TEST_F(DeviceRequestsTest, DeniedIsSaidOnce) {
  const auto codes = ask();
  EXPECT_TRUE(requests.decide(codes.user, std::nullopt, now));
  EXPECT_FALSE(requests.decide(codes.user, alice, now));
  EXPECT_EQ(poll(codes), Answer::denied);
  EXPECT_EQ(poll(codes), Answer::unknown);
}

TEST_F(DeviceRequestsTest, BelongsToItsClient) {
  const auto codes = ask();
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  EXPECT_EQ(requests.poll(codes.device, "app", now).answer, Answer::unknown);
  EXPECT_EQ(requests.poll(codes.user, "kubernetes", now).answer, Answer::unknown);
  EXPECT_EQ(poll(codes), Answer::allowed);
}

TEST_F(DeviceRequestsTest, TooFastMakesItWaitLongerForGood) {
  const auto codes = ask();
  EXPECT_EQ(poll(codes), Answer::pending);
  now += Seconds(3);
  EXPECT_EQ(poll(codes), Answer::slow_down);  // ten seconds from now on
  now += Seconds(6);
  EXPECT_EQ(poll(codes), Answer::slow_down);  // fifteen
  now += Millis(14'500);
  EXPECT_EQ(poll(codes), Answer::pending);
  now += Millis(14'500);
  EXPECT_EQ(poll(codes), Answer::pending);
  // An answer that is there is given whenever it is asked for.
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  EXPECT_EQ(poll(codes), Answer::allowed);
}

TEST_F(DeviceRequestsTest, EndsAfterTenMinutes) {
  const auto codes = ask();
  now += kDeviceLife - Seconds(1);
  EXPECT_TRUE(requests.look(codes.user, now));
  now += Seconds(1);
  EXPECT_FALSE(requests.look(codes.user, now));
  EXPECT_FALSE(requests.decide(codes.user, alice, now));
  EXPECT_EQ(poll(codes), Answer::expired);
  now += Seconds(3'600);
  EXPECT_EQ(poll(codes), Answer::unknown);
}

// Also where it was allowed and nobody came for it.
TEST_F(DeviceRequestsTest, WhatWasAllowedEndsToo) {
  const auto codes = ask();
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  now += kDeviceLife;
  EXPECT_EQ(poll(codes), Answer::expired);
}

TEST_F(DeviceRequestsTest, RowsAreBoundedInAllAndOfOneAddress) {
  const auto first = ask();
  ask();
  ask();
  const auto fourth = requests.ask(asked(), random, now);
  ASSERT_FALSE(fourth);
  EXPECT_TRUE(fourth.error().is(Errc::too_many));
  ask("198.51.100.1");
  ask("198.51.100.1");
  // The rest is for clients with a secret, of which one address may have many people's.
  EXPECT_FALSE(requests.ask(asked("203.0.113.1"), random, now));
  EXPECT_TRUE(requests.ask(asked("203.0.113.1", false), random, now));
  // What has been used makes room at once.
  ASSERT_TRUE(requests.decide(first.user, alice, now));
  EXPECT_EQ(poll(first), Answer::allowed);
  std::ignore = requests.finish(first.device);
  ask();
  now += Seconds(3'600);
  for (int i = 0; i < 6; ++i)
    EXPECT_TRUE(requests.ask(asked("192.0.2.9", false), random, now)) << i;
  EXPECT_FALSE(requests.ask(asked("192.0.2.9", false), random, now));
}

// They are kept for those who still ask, but nobody waits in them.
TEST_F(DeviceRequestsTest, WhatHasEndedTakesNobodysRow) {
  const auto codes = ask();
  for (int i = 0; i < 2; ++i) ask();
  EXPECT_FALSE(requests.ask(asked(), random, now));
  now += kDeviceLife;
  for (int i = 0; i < 3; ++i) ask();
  EXPECT_FALSE(requests.ask(asked(), random, now));
  EXPECT_EQ(poll(codes), Answer::expired);
  now += Seconds(120);
  EXPECT_EQ(poll(codes), Answer::unknown);
}

TEST_F(DeviceRequestsTest, WhatWasAllowedCanBeTakenBackByWhoAllowedItUntilItIsCollected) {
  const store::SignInId bob = random.id<store::SignInTag>();
  const auto codes = ask();
  EXPECT_FALSE(requests.take_back(codes.user, alice, now)) << "nothing was allowed yet";
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  EXPECT_FALSE(requests.take_back(codes.user, bob, now));
  EXPECT_TRUE(requests.take_back(codes.user, alice, now));
  EXPECT_FALSE(requests.take_back(codes.user, alice, now));
  EXPECT_EQ(poll(codes), Answer::denied);

  const auto collected = ask();
  ASSERT_TRUE(requests.decide(collected.user, alice, now));
  EXPECT_EQ(poll(collected), Answer::allowed);
  EXPECT_TRUE(requests.finish(collected.device));
  EXPECT_FALSE(requests.take_back(collected.user, alice, now));
}

TEST_F(DeviceRequestsTest, AllThatASignInAllowedIsTakenBackAtOnce) {
  const store::SignInId bob = random.id<store::SignInTag>();
  const auto first = ask(), second = ask(), other = ask();
  ASSERT_TRUE(requests.decide(first.user, alice, now));
  ASSERT_TRUE(requests.decide(second.user, alice, now));
  ASSERT_TRUE(requests.decide(other.user, bob, now));
  EXPECT_EQ(requests.take_back_all(alice).size(), 2u);
  EXPECT_EQ(poll(first), Answer::denied);
  EXPECT_EQ(poll(second), Answer::denied);
  EXPECT_EQ(poll(other), Answer::allowed);
}

// A program polls every five seconds.
TEST_F(DeviceRequestsTest, WhatIsAllowedInTheLastMomentCanStillBeCollected) {
  const auto codes = ask();
  now += kDeviceLife - Seconds(1);
  ASSERT_TRUE(requests.decide(codes.user, alice, now));
  now += Seconds(5);
  EXPECT_EQ(poll(codes), Answer::allowed);
}

}  // namespace
}  // namespace openunison::oidc
