// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Par : public ::testing::Test, protected Desk {
 protected:
  Answer push(const Fields& changes = {}) {
    Fields all = authorization({{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}});
    all.emplace_back("client_secret", "s3cret");
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(kPath) + "/par", form(all));
  }
  Answer push_public() { return post(std::string(kPath) + "/par", form(authorization())); }
  Answer use(const std::string& uri, const std::string& client = "app") {
    return get(std::string(kPath) + "/auth?" +
               form({{"client_id", client}, {"request_uri", uri}}).encode());
  }
  std::string pushed_uri(const Fields& changes = {}) {
    return member(push(changes), "request_uri");
  }
  static std::string waiting(const Answer& answer) { return parameter(answer, "return_to"); }
};

TEST_F(Par, IsUsedOnceAndGivesACode) {
  sign_in();
  const Answer answer = push();
  ASSERT_EQ(answer.status, 201);
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  const std::string uri = member(answer, "request_uri");
  EXPECT_TRUE(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
  EXPECT_NE(answer.body.find("\"expires_in\":60"), std::string::npos) << answer.body;

  const Answer first = use(uri);
  EXPECT_EQ(redeem(parameter(first, "code"), {{"client_id", "app"},
                                              {"client_secret", "s3cret"},
                                              {"redirect_uri", std::string(kAppReturn)}})
                .status,
            200);
  EXPECT_EQ(use(uri).status, 400);
  EXPECT_EQ(use(uri).location(), "");
}

// The table is in memory: a restart forgets what was pushed.
TEST_F(Par, WhatIsNotKnownAnyMoreIsSaidAtOnce) {
  sign_in();
  std::string uri = pushed_uri();
  uri.back() = uri.back() == 'A' ? 'B' : 'A';
  const Answer answer = use(uri);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.location(), "");
  EXPECT_NE(answer.body.find("invalid_request_uri"), std::string::npos) << answer.body;
}

TEST_F(Par, OnlyWhatWasPushedCounts) {
  sign_in();
  const std::string uri = pushed_uri();
  const Answer answer = get(std::string(kPath) + "/auth?" +
                            form({{"client_id", "app"},
                                  {"request_uri", uri},
                                  {"redirect_uri", "https://evil.example/"},
                                  {"state", "another"}})
                                .encode());
  EXPECT_TRUE(answer.location().starts_with(kAppReturn));
  EXPECT_EQ(parameter(answer, "state"), "the-state");
}

TEST_F(Par, IsBoundToItsClientAndItsMinute) {
  sign_in();
  EXPECT_EQ(use(pushed_uri(), "spa").status, 400);
  EXPECT_EQ(use("urn:ietf:params:oauth:request_uri:unknown").status, 400);
  const std::string uri = pushed_uri();
  clock.advance(Seconds(60));
  EXPECT_EQ(use(uri).status, 400);
}

TEST_F(Par, WaitsForTheSignInWhateverItsSize) {
  const std::string uri =
      pushed_uri({{"nonce", std::string(500, 'n')}, {"login_hint", std::string(1'500, 'h')}});
  const Answer first = use(uri);
  ASSERT_TRUE(first.location().starts_with("/auth/login?"));
  EXPECT_EQ(use(uri).status, 400) << "only the sign-in may go on with it";
  clock.advance(Seconds(300));
  sign_in();
  const Answer back = get(waiting(first));
  EXPECT_FALSE(parameter(back, "code").empty());
  EXPECT_EQ(get(waiting(first)).status, 400) << "it has been answered";
}

TEST_F(Par, ClientsProveWhoTheyAreAsAtTheTokenEndpoint) {
  EXPECT_EQ(push({{"client_secret", "wrong"}}).status, 401);
  EXPECT_EQ(push({{"client_secret", "-"}}).status, 401);
  Fields rest = authorization({{"client_id", "-"}, {"redirect_uri", std::string(kAppReturn)}});
  EXPECT_EQ(post(std::string(kPath) + "/par", form(rest), basic("app", "s3cret")).status, 201);
  const Answer refused = post(std::string(kPath) + "/par", form(rest), basic("app", "no"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_TRUE(refused.header("www-authenticate").starts_with("Basic "));
  EXPECT_EQ(push_public().status, 201);
}

TEST_F(Par, WhatIsWrongWithARequestIsSaidToTheClient) {
  const std::pair<Fields, const char*> cases[] = {
      {{{"redirect_uri", "https://evil.example/"}}, "invalid_request"},
      {{{"redirect_uri", "-"}}, "invalid_request"},
      {{{"request_uri", "urn:ietf:params:oauth:request_uri:x"}}, "invalid_request"},
      {{{"request_uri", "https://app.example/r"}}, "invalid_request"},
      {{{"request", "eyJ"}}, "request_not_supported"},
      {{{"response_type", "token"}}, "unsupported_response_type"},
      {{{"scope", "email"}}, "invalid_scope"},
      {{{"code_challenge_method", "plain"}}, "invalid_request"},
  };
  for (const auto& [changes, error] : cases) {
    const Answer answer = push(changes);
    EXPECT_EQ(answer.status, 400) << changes[0].second;
    EXPECT_EQ(member(answer, "error"), error) << changes[0].second;
  }
  EXPECT_EQ(get(std::string(kPath) + "/par").status, 405);
}

TEST_F(Par, TooMuchIsRefused) {
  Fields huge;
  for (int i = 0; i < 5; ++i)
    huge.emplace_back("extra" + std::to_string(i), std::string(4'000, 'x'));
  EXPECT_EQ(push(huge).status, 413);
}

TEST_F(Par, TheTableIsBoundedAndStrangersDoNotFillIt) {
  pushed.rows = 8;
  pushed.per_address = 1;
  EXPECT_EQ(push_public().status, 201);
  const Answer refused = push_public();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "60");
  for (int i = 0; i < 7; ++i) EXPECT_EQ(push().status, 201) << i;
  EXPECT_EQ(push().status, 429);
  clock.advance(Seconds(60));
  EXPECT_EQ(push().status, 201) << "what is over makes room";
  EXPECT_EQ(push_public().status, 201);
}

TEST_F(Par, AFewBytesAreABoundToo) {
  pushed.bytes = 1'000;
  EXPECT_EQ(push({{"extra", std::string(600, 'x')}}).status, 201);
  EXPECT_EQ(push({{"extra", std::string(600, 'x')}}).status, 429);
}

TEST_F(Par, AClientMayHaveToUseIt) {
  app.require_pushed_requests = true;
  sign_in();
  const Answer direct =
      authorize({{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}});
  EXPECT_EQ(parameter(direct, "error"), "invalid_request");
  EXPECT_FALSE(parameter(use(pushed_uri()), "code").empty());
}

TEST_F(Par, FormPostAndPromptNoneWorkThroughIt) {
  use(pushed_uri({{"response_mode", "form_post"}, {"prompt", "none"}}));
  EXPECT_EQ(pages.field("error"), "login_required");
}

// --- The table alone ---

TEST(PushedRequests, PublicClientsShareAQuarter) {
  PushedRequests table({.rows = 8, .per_address = 100, .bytes = 10'000});
  crypto::SeededRandom random(1);
  const auto push = [&](bool is_public, std::string address) {
    return table.push({"c", std::move(address), is_public}, {}, random, MonoTime()).has_value();
  };
  EXPECT_TRUE(push(true, "a"));
  EXPECT_TRUE(push(true, "b"));
  EXPECT_FALSE(push(true, "c"));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(push(false, "a"));
  EXPECT_FALSE(push(false, "a"));
}

TEST(PushedRequests, PublicClientsShareAQuarterOfTheBytes) {
  PushedRequests table({.rows = 1'000, .per_address = 100, .bytes = 400});
  crypto::SeededRandom random(1);
  const auto push = [&](bool is_public) {
    text::Form parameters;
    parameters.add("k", std::string(49, 'v'));
    return table.push({"c", "a", is_public}, parameters, random, MonoTime());
  };
  const auto first = push(true);
  EXPECT_TRUE(first);
  EXPECT_TRUE(push(true));
  EXPECT_FALSE(push(true)) << "over 100 bytes";
  table.finish(*first);
  EXPECT_TRUE(push(true)) << "one is over";
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(push(false)) << i;
  EXPECT_FALSE(push(false));
}

TEST(PushedRequests, AnAddressIsTheWholeNetworkOfAnIpv6Host) {
  PushedRequests table({.rows = 1'000, .per_address = 2, .bytes = 10'000});
  crypto::SeededRandom random(1);
  const auto push = [&](std::string address) {
    return table.push({"c", std::move(address), true}, {}, random, MonoTime()).has_value();
  };
  EXPECT_TRUE(push("2001:db8:0:1::1"));
  EXPECT_TRUE(push("2001:db8:0:1::2"));
  EXPECT_FALSE(push("2001:db8:0:1:ffff::3"));
  EXPECT_TRUE(push("2001:db8:0:2::1"));
}

TEST(PushedRequests, NetworksHaveAFewAddressesSharesAndGetThemBack) {
  PushedRequests table({.rows = 1'000, .per_address = 2, .bytes = 10'000});
  crypto::SeededRandom random(1);
  const auto push = [&](int subnet, MonoTime now) {
    return table.push({"c", fmt::format("2001:db8:0:{:x}::1", subnet), true}, {}, random, now)
        .has_value();
  };
  for (const MonoTime now : {MonoTime(), MonoTime(Millis(120'000))}) {
    for (int subnet = 0; subnet < 4; ++subnet) EXPECT_TRUE(push(subnet, now)) << subnet;
    EXPECT_FALSE(push(9, now)) << "the /56 had twice an address's two";
    for (int subnet = 1; subnet < 5; ++subnet) EXPECT_TRUE(push(0x100 * subnet, now)) << subnet;
    EXPECT_FALSE(push(0x900, now)) << "the /48 had four times";
  }
}

}  // namespace
}  // namespace openunison::oidc
