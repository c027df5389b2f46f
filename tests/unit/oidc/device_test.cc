// SPDX-License-Identifier: Apache-2.0
//
// Device authorization at the endpoints (RFC 8628): what a program sends and gets.
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Device : public ::testing::Test, protected Desk {
 protected:
  Answer ask_for_codes(const Fields& changes = {}, std::string_view path = kPath) {
    Fields all{{"client_id", "kubernetes"}, {"scope", "openid"}, {"device_name", "laptop"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/device", form(all));
  }
  Answer poll(const Answer& asked, const Fields& changes = {}, std::string_view path = kPath) {
    Fields all{{"grant_type", std::string("urn:ietf:params:oauth:grant-type:device_code")},
               {"client_id", "kubernetes"},
               {"device_code", member(asked, "device_code")}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/token", form(all));
  }
  Result<bool> decide(const Answer& asked, const session::Current& current, bool allow = true) {
    return provider_of().decide_device(member(asked, "user_code"), current, allow, caller);
  }
  static std::string error_of(const Answer& answer) { return member(answer, "error"); }
};

TEST_F(Device, AProgramIsLetInAsThePersonWhoAllowsIt) {
  const Answer asked = ask_for_codes();
  ASSERT_EQ(asked.status, 200) << asked.body;
  EXPECT_EQ(asked.header("cache-control"), "no-store");
  EXPECT_EQ(member(asked, "verification_uri"), "https://portal.example/device");
  EXPECT_EQ(member(asked, "verification_uri_complete"),
            "https://portal.example/device?user_code=" + member(asked, "user_code"));
  EXPECT_NE(asked.body.find("\"expires_in\":600,\"interval\":5"), std::string::npos) << asked.body;

  const Answer waiting = poll(asked);
  EXPECT_EQ(waiting.status, 400);
  EXPECT_EQ(error_of(waiting), "authorization_pending");
  EXPECT_EQ(error_of(poll(asked)), "slow_down");

  const auto question = provider_of().find_device(member(asked, "user_code"));
  ASSERT_TRUE(question);
  EXPECT_EQ(question->client, "kubectl for demo");
  EXPECT_EQ(question->device_name, "laptop");
  EXPECT_EQ(question->address, "192.0.2.7");

  const session::Current alice = sign_in();
  EXPECT_TRUE(*decide(asked, alice));
  const Answer given = poll(asked);
  ASSERT_EQ(given.status, 200) << given.body;
  const text::Json id_token = claims(member(given, "id_token"));
  EXPECT_EQ(*id_token.find_string("sub"), alice.principal.user);
  EXPECT_EQ(*id_token.find_string("aud"), "kubernetes");
  EXPECT_EQ(refresh(member(given, "refresh_token")).status, 200);
  EXPECT_EQ(error_of(poll(asked)), "invalid_grant");

  const auto listed = run(sessions().list({.sign_in = alice.live.sign_in.id}, 10));
  ASSERT_TRUE(listed);
  const auto device = std::ranges::find(*listed, store::Origin::device,
                                        [](const auto& each) { return each.live.session.origin; });
  ASSERT_NE(device, listed->end());
  EXPECT_EQ(device->live.session.label, "kubectl for demo on laptop");
}

TEST_F(Device, ClusterTokensHaveTheScopesThatTheyNeed) {
  const Answer asked = ask_for_codes({{"scope", "-"}});
  ASSERT_TRUE(*decide(asked, sign_in()));
  const Answer given = poll(asked);
  EXPECT_EQ(member(given, "scope"), "openid profile email groups offline_access");
}

TEST_F(Device, DeniedIsSaid) {
  const Answer asked = ask_for_codes();
  ASSERT_TRUE(*decide(asked, sign_in(), false));
  const Answer answer = poll(asked);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(error_of(answer), "access_denied");
}

TEST_F(Device, ACodeThatRanOutIsSaid) {
  const Answer asked = ask_for_codes();
  clock.advance(kDeviceLife);
  EXPECT_EQ(error_of(poll(asked)), "expired_token");
  EXPECT_FALSE(*decide(asked, sign_in()));
}

TEST_F(Device, TheSignInMustStillBeThere) {
  const session::Current alice = sign_in();
  const Answer asked = ask_for_codes();
  ASSERT_TRUE(*decide(asked, alice));
  ASSERT_TRUE(run(sessions().end({.sign_in = alice.live.sign_in.id}, "sign_out", caller)));
  EXPECT_EQ(error_of(poll(asked)), "invalid_grant");
  EXPECT_EQ(error_of(poll(asked)), "invalid_grant");
}

// While the session was being made of what was allowed: who takes it back has the last word.
TEST_F(Device, WhatIsTakenBackAtTheLastMomentEnds) {
  const session::Current alice = sign_in();
  for (const bool fails : {false, true}) {
    const Answer asked = ask_for_codes();
    ASSERT_TRUE(*decide(asked, alice));
    store.before_find_sign_in = [&] { provider_of().take_back_devices(alice, caller); };
    store.find_sign_in_fails = fails;
    const Answer late = poll(asked);
    store.before_find_sign_in = {};
    store.find_sign_in_fails = false;
    if (fails) {
      EXPECT_EQ(late.status, 503);
    } else {
      EXPECT_EQ(error_of(late), "access_denied");
    }
    EXPECT_EQ(error_of(poll(asked)), fails ? "access_denied" : "invalid_grant");
    EXPECT_EQ(run(sessions().list({.sign_in = alice.live.sign_in.id}, 10))->size(), 1u);
  }
}

TEST_F(Device, AllThatIsTakenBackIsAudited) {
  const session::Current alice = sign_in();
  ASSERT_TRUE(*decide(ask_for_codes(), alice));
  ::testing::internal::CaptureStderr();
  provider_of().take_back_devices(alice, caller);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("\"answer\":\"take_back\""), std::string::npos) << said;
}

TEST_F(Device, AStoreThatFailsSpendsNothing) {
  const Answer asked = ask_for_codes();
  ASSERT_TRUE(*decide(asked, sign_in()));
  store.find_sign_in_fails = true;
  EXPECT_EQ(poll(asked).status, 503);
  store.find_sign_in_fails = false;
  EXPECT_EQ(poll(asked).status, 200);
}

TEST_F(Device, OnlyWhoMayUseTheClusterLetsAProgramIn) {
  values->clusters[0].az_groups = {"admins"};
  const Answer asked = ask_for_codes();
  const auto refused = decide(asked, sign_in());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(session::Errc::not_allowed)) << refused.error().message();
  EXPECT_EQ(error_of(poll(asked)), "authorization_pending");
}

// Two clusters may both have a client "kubernetes".
TEST_F(Device, CodesBelongToOneIssuer) {
  const Answer asked = ask_for_codes();
  ASSERT_TRUE(*decide(asked, sign_in()));
  EXPECT_EQ(error_of(poll(asked, {}, "/auth/idp/prod")), "invalid_grant");
  EXPECT_EQ(poll(asked).status, 200);
}

TEST_F(Device, ClientsMustBeAllowedToAndProveWhoTheyAre) {
  EXPECT_EQ(error_of(ask_for_codes({{"client_id", "spa"}})), "unauthorized_client");
  EXPECT_EQ(error_of(ask_for_codes({{"client_id", "nobody"}})), "invalid_client");
  EXPECT_EQ(error_of(ask_for_codes({{"client_id", "-"}})), "invalid_client");
  EXPECT_EQ(ask_for_codes({{"client_id", "app"}}).status, 401);
}

TEST_F(Device, AConfiguredClientMayWhereValuesSaySo) {
  app.device_authorization = true;
  const Answer asked = ask_for_codes({{"client_id", "app"}, {"client_secret", "s3cret"}});
  ASSERT_EQ(asked.status, 200) << asked.body;
  ASSERT_TRUE(*decide(asked, sign_in()));
  EXPECT_EQ(poll(asked, {{"client_id", "app"}}).status, 401);
  EXPECT_EQ(poll(asked, {{"client_id", "app"}, {"client_secret", "s3cret"}}).status, 200);
}

TEST_F(Device, AnApplicationMustAskForOpenid) {
  app.device_authorization = true;
  for (const char* scope : {"-", "", "profile", "openidx"}) {
    EXPECT_EQ(error_of(ask_for_codes(
                  {{"client_id", "app"}, {"client_secret", "s3cret"}, {"scope", scope}})),
              "invalid_scope")
        << scope;
  }
}

TEST_F(Device, NamesThatNobodyCouldReadAreRefused) {
  for (const std::string& name :
       {std::string(65, 'x'), std::string("a\nb"), std::string("\xff"), std::string("\x1b[31m"),
        std::string("a\u202Eb"), std::string("a\u200Bb"), std::string("a\u2028b"),
        std::string("a\u2066b"), std::string("\u200B"), std::string("\u00A0"), std::string(" ")})
    EXPECT_EQ(error_of(ask_for_codes({{"device_name", name}})), "invalid_request") << name;
  for (const char* name : {"-", "", "build server 7", "B\u00FCro"})
    EXPECT_EQ(ask_for_codes({{"device_name", name}}).status, 200) << name;
}

TEST_F(Device, OneAddressCannotTakeAllRows) {
  devices.per_address = 2;
  EXPECT_EQ(ask_for_codes().status, 200);
  EXPECT_EQ(ask_for_codes().status, 200);
  const Answer third = ask_for_codes();
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(third.header("retry-after"), "600");
}

TEST_F(Device, AFormWithTwoOfOneParameterIsRefused) {
  const std::string twice = "client_id=kubernetes&device_name=a&device_name=b";
  const Answer answer = ask("POST", std::string(kPath) + "/device", twice);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(error_of(answer), "invalid_request");
}

TEST_F(Device, PollsWithoutACodeOrWithAnInventedOneAreRefused) {
  EXPECT_EQ(error_of(poll({}, {{"device_code", "-"}})), "invalid_request");
  EXPECT_EQ(error_of(poll({}, {{"device_code", "invented"}})), "invalid_grant");
}

TEST_F(Device, DiscoveryNamesIt) {
  const Answer discovery = get(std::string(kPath) + "/.well-known/openid-configuration");
  EXPECT_EQ(member(discovery, "device_authorization_endpoint"),
            "https://portal.example/auth/idp/k8sIdp/device");
  EXPECT_NE(discovery.body.find("\"urn:ietf:params:oauth:grant-type:device_code\""),
            std::string::npos);
}

}  // namespace
}  // namespace openunison::oidc
