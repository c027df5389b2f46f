// SPDX-License-Identifier: Apache-2.0
#include "oidc/backchannel_logout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "base/metrics.h"
#include "fixture.h"
#include "net/error.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;

class Backchannel : public ::testing::Test, protected Desk {
 protected:
  Backchannel() {
    app.backchannel_logout_uri = "https://app.example/logged-out";
    fetch = [this](http::ClientRequest request) -> Task<Result<http::Response>> {
      return take(std::move(request));
    };
  }
  Task<Result<http::Response>> take(http::ClientRequest request) {
    requests.push_back(std::move(request));
    if (statuses.empty()) co_return http::Response{200, {}, ""};
    const int status = statuses.front();
    if (statuses.size() > 1) statuses.pop_front();
    if (status == 0) co_return fail(net::Errc::timed_out, "nobody answered");
    co_return http::Response{status, {}, ""};
  }
  Task<Result<http::Response>> hang(std::shared_ptr<net::Completion> gate,
                                    http::ClientRequest request) {
    requests.push_back(std::move(request));
    co_await gate->wait(net::in(Seconds(10)));
    co_return http::Response{200, {}, ""};
  }
  static Fields of_app() {
    return {{"client_id", "app"}, {"redirect_uri", std::string(kAppReturn)}};
  }
  Answer app_tokens() {
    Fields given = of_app();
    given.emplace_back("client_secret", "s3cret");
    return redeem(code(of_app()), given);
  }
  Answer refresh_app(const Answer& tokens) {
    return post(std::string(kPath) + "/token",
                form({{"grant_type", "refresh_token"},
                      {"client_id", "app"},
                      {"client_secret", "s3cret"},
                      {"refresh_token", member(tokens, "refresh_token")}}));
  }
  void end(const session::Current& current, std::string reason = "sign_out") {
    store::Selector selector;
    selector.sign_in = current.live.sign_in.id;
    ASSERT_TRUE(run(sessions().end(std::move(selector), std::move(reason), {})));
  }
  bool told(std::size_t times) {
    return run_until([&] { return requests.size() >= times; }) && requests.size() == times;
  }
  // Nothing comes in the time in which something would.
  bool quiet() {
    const std::size_t before = requests.size();
    run_until([n = 0]() mutable { return ++n > 20; });
    return requests.size() == before;
  }
  std::string token(std::size_t i = 0) const {
    const auto sent = text::Form::parse(requests.at(i).body);
    return sent ? std::string(sent->value("logout_token")) : "";
  }
  double count(const char* outcome) {
    return metric(std::string("openunison_logout_notices_total{outcome=\"") + outcome + "\"} ");
  }
  double waiting() { return metric("\nopenunison_logout_notices_waiting "); }
  double metric(const std::string& name) {
    const std::string all = metrics::expose();
    const std::size_t at = all.find(name);
    return at == std::string::npos ? 0 : std::strtod(all.c_str() + at + name.size(), nullptr);
  }

  std::vector<http::ClientRequest> requests;
  std::deque<int> statuses;  // what the client answers; the last for good; 0: nothing
};

TEST_F(Backchannel, TheTokenIsWhatTheStandardAsksFor) {
  const auto current = sign_in();
  const Answer tokens = app_tokens();
  end(current);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].url.text(), "https://app.example/logged-out");
  EXPECT_EQ(requests[0].max_redirects, 0);

  const auto set = jose::JwkSet::parse(get(std::string(kPath) + "/certs").body);
  const auto parsed = jose::UnverifiedJwt::parse(token());
  ASSERT_TRUE(set && parsed);
  jose::Expectations expected;
  expected.issuer = std::string(kOrigin) + std::string(kPath);
  expected.audience = "app";
  expected.types = {"logout+jwt"};
  const auto verified = jose::Verifier::verify(*parsed, *set, expected, clock.now());
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(*verified->string_claim("sub"), "alice");
  EXPECT_EQ(*verified->string_claim("sid"), *claims(member(tokens, "id_token")).find_string("sid"));
  EXPECT_FALSE(verified->string_claim("jti")->empty());
  EXPECT_EQ(verified->claims().find("events")->dump(),
            R"({"http://schemas.openid.net/event/backchannel-logout":{}})");
  EXPECT_EQ(verified->claims().find("nonce"), nullptr);
  EXPECT_EQ(*verified->claims().find("exp")->integer() - *verified->claims().find("iat")->integer(),
            120);
}

TEST_F(Backchannel, ALogoutTokenIsNoIdTokenHint) {
  const auto current = sign_in();
  app_tokens();
  end(current);
  ASSERT_TRUE(told(1));
  sign_in();
  const std::string query = form({{"id_token_hint", token()}}).encode();
  EXPECT_EQ(get(std::string(kPath) + "/end_session?" + query).location(), "/logout");
}

TEST_F(Backchannel, AClientIsToldOfEachOfItsSessionsAndOfNoOthers) {
  const auto current = sign_in();
  redeem(code());  // kubectl's
  app_tokens();
  app_tokens();
  end(current);
  EXPECT_TRUE(told(2));
  EXPECT_TRUE(quiet());
  EXPECT_NE(*claims(token(0)).find_string("sid"), *claims(token(1)).find_string("sid"));
}

// An API server doesn't look at `typ`.
TEST_F(Backchannel, ClustersAreNeverTold) {
  Client cluster;
  config::Cluster demo;
  cluster.id = "kubernetes";
  cluster.cluster = &demo;
  cluster.backchannel_logout_uri = "https://app.example/logged-out";
  auto ring = *jose::KeyRing::open("", master, {}, random, clock);
  BackchannelLogout logout({}, fetch, *ring, random, clock);
  const auto notify = [](BackchannelLogout* to, const Client* client,
                         const store::Live* ended) -> Task<void> {
    to->notify(*client, *ended, co_await net::current_executor());
  };
  store::Live ended;
  runtime.block_on(notify(&logout, &cluster, &ended));
  EXPECT_TRUE(quiet());
  // Its name was given to another client while its sessions lived.
  cluster.cluster = nullptr;
  ended.session.cluster = "demo";
  runtime.block_on(notify(&logout, &cluster, &ended));
  EXPECT_TRUE(quiet());
  ended.session.cluster.clear();
  runtime.block_on(notify(&logout, &cluster, &ended));
  EXPECT_TRUE(told(1)) << "the test would see one";
}

TEST_F(Backchannel, EveryEndButItsOwnTellsIt) {
  for (const char* reason : {"sign_out", "ended_by_user", "admin", "backchannel_logout",
                             "upstream_gone", "no_longer_allowed"}) {
    requests.clear();
    const auto current = sign_in();
    app_tokens();
    end(current, reason);
    EXPECT_TRUE(told(1)) << reason;
  }
  requests.clear();
  sign_in();
  const Answer tokens = app_tokens();
  post(std::string(kPath) + "/revoke", form({{"client_id", "app"},
                                             {"client_secret", "s3cret"},
                                             {"token", member(tokens, "refresh_token")}}));
  EXPECT_EQ(refresh_app(tokens).status, 400);
  EXPECT_TRUE(quiet()) << "it knows";
}

TEST_F(Backchannel, ReuseOfACodeTellsIt) {
  sign_in();
  const std::string once = code(of_app());
  Fields given = of_app();
  given.emplace_back("client_secret", "s3cret");
  ASSERT_EQ(redeem(once, given).status, 200);
  ASSERT_EQ(redeem(once, given).status, 400);
  EXPECT_TRUE(told(1));
}

TEST_F(Backchannel, WithoutTheSessionThePersonIsNamedAlone) {
  app.logout_names_session = false;
  const auto current = sign_in();
  app_tokens();
  end(current);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(claims(token()).find("sid"), nullptr);
  EXPECT_EQ(*claims(token()).find_string("sub"), "alice");
}

TEST_F(Backchannel, AFailureIsTriedAgainWithANewToken) {
  statuses = {503, 0, 200};
  const double before = count("delivered"), retried = count("retried");
  const auto current = sign_in();
  app_tokens();
  end(current);
  ASSERT_TRUE(told(3));
  EXPECT_TRUE(quiet());
  EXPECT_NE(*claims(token(0)).find_string("jti"), *claims(token(2)).find_string("jti"));
  EXPECT_EQ(*claims(token(0)).find_string("sid"), *claims(token(2)).find_string("sid"));
  EXPECT_EQ(count("delivered") - before, 1);
  EXPECT_EQ(count("retried") - retried, 2);
}

TEST_F(Backchannel, ARefusalIsFinalAndSoIsTheLastTry) {
  for (const int status : {400, 404, 302}) {
    statuses = {status};
    requests.clear();
    const auto current = sign_in();
    app_tokens();
    end(current);
    EXPECT_TRUE(told(1)) << status;
    EXPECT_TRUE(quiet()) << status;
  }
  statuses = {500};
  requests.clear();
  const double before = count("failed");
  const auto current = sign_in();
  app_tokens();
  end(current);
  EXPECT_TRUE(told(3)) << "two delays";
  EXPECT_TRUE(quiet());
  EXPECT_EQ(count("failed") - before, 1);
}

TEST_F(Backchannel, AClientThatHangsHoldsUpNoSignOutAndTheQueueIsBounded) {
  const auto gate = std::make_shared<net::Completion>();
  fetch = [this, gate](http::ClientRequest request) { return hang(gate, std::move(request)); };
  notices = 6;
  const double before = count("dropped");
  const auto current = sign_in();
  for (int i = 0; i < 8; ++i) ASSERT_EQ(app_tokens().status, 200);
  end(current);  // returns
  EXPECT_EQ(count("dropped") - before, 2);
  EXPECT_TRUE(told(4)) << "so many at once";
  EXPECT_TRUE(quiet());
  gate->complete();
  EXPECT_TRUE(told(6));
}

// A client whose server is dead keeps its own share of places and nobody else's.
TEST_F(Backchannel, EachClientHasAShareOfThePlaces) {
  spa.backchannel_logout_uri = "https://spa.example/logged-out";
  const auto gate = std::make_shared<net::Completion>();
  fetch = [this, gate](http::ClientRequest request) -> Task<Result<http::Response>> {
    if (request.url.text().starts_with("https://app.")) return hang(gate, std::move(request));
    return take(std::move(request));
  };
  notices = 6;
  const double before = count("dropped");
  const auto current = sign_in();
  for (int i = 0; i < 8; ++i) ASSERT_EQ(app_tokens().status, 200);
  const Fields of_spa{{"client_id", "spa"}, {"redirect_uri", "https://spa.example/cb"}};
  for (int i = 0; i < 3; ++i) ASSERT_EQ(redeem(code(of_spa), of_spa).status, 200);
  end(current);
  EXPECT_EQ(count("dropped") - before, 5) << "of the dead one's eight";
  EXPECT_TRUE(told(3 + 3));
  EXPECT_EQ(std::ranges::count_if(requests,
                                  [](const http::ClientRequest& request) {
                                    return request.url.text() == "https://spa.example/logged-out";
                                  }),
            3);
  gate->complete();
  ASSERT_TRUE(run_until([&] { return waiting() == 0; }));
  // Its places are free again.
  requests.clear();
  const auto next = sign_in();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(app_tokens().status, 200);
  end(next);
  EXPECT_TRUE(told(3));
  EXPECT_EQ(count("dropped") - before, 5);
}

TEST_F(Backchannel, WhatWaitedTooLongBehindOthersIsGivenUp) {
  const auto gate = std::make_shared<net::Completion>();
  fetch = [this, gate](http::ClientRequest request) { return hang(gate, std::move(request)); };
  const double before = count("failed");
  const auto current = sign_in();
  for (int i = 0; i < 6; ++i) ASSERT_EQ(app_tokens().status, 200);
  end(current);
  ASSERT_TRUE(told(4));
  clock.advance(Seconds(1'200));
  gate->complete();
  EXPECT_TRUE(run_until([&] { return count("failed") - before == 2; }));
  EXPECT_EQ(requests.size(), 4u);
}

TEST_F(Backchannel, OneNoticeNamesThePersonForAllSessionsOfASignIn) {
  app.logout_names_session = false;
  const auto current = sign_in();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(app_tokens().status, 200);
  end(current);
  EXPECT_TRUE(told(1));
  EXPECT_TRUE(quiet());
  // Another sign-in is another matter, also of the same person.
  requests.clear();
  const auto one = sign_in();
  ASSERT_EQ(app_tokens().status, 200);
  const auto other = sign_in();
  ASSERT_EQ(app_tokens().status, 200);
  end(one);
  end(other);
  EXPECT_TRUE(told(2)) << requests.size();
}

// A client that never refreshes is told hours later; its refresh token is no longer good by then.
TEST_F(Backchannel, ItsSessionLastsAsLongAsTheSignInButItsTokenDoesNot) {
  identity::Identity who = session::testing::person();
  who.recheckable = false;
  who.grant.reset();
  const auto current = sign_in(who);
  const Answer idle = app_tokens();
  const Answer other = redeem(code());  // kubectl's, which idles out
  clock.advance(Seconds(901));
  EXPECT_EQ(refresh_app(idle).status, 400) << "web_idle";
  EXPECT_EQ(refresh(member(other, "refresh_token")).status, 400);
  end(current);
  EXPECT_TRUE(told(1));
}

}  // namespace
}  // namespace openunison::oidc
