// SPDX-License-Identifier: Apache-2.0
#include "session/sign_in.h"

#include <gtest/gtest.h>

#include "fixture.h"
#include "text/form.h"

namespace openunison::session {
namespace {

using testing::House;
using testing::person;

class SignIns : public ::testing::Test, protected House {
 protected:
  SignInFlow& flow() {
    if (!flow_) flow_ = std::make_unique<SignInFlow>(sessions(), *connectors, master);
    return *flow_;
  }
  // A browser that keeps what the flow sets.
  void keep(const std::vector<std::string>& set_cookies) {
    for (const std::string& each : set_cookies) {
      const std::string pair = each.substr(0, each.find(';'));
      const std::string name = pair.substr(0, pair.find('='));
      std::erase_if(cookies_, [&](const std::string& c) { return c.starts_with(name + "="); });
      if (each.find("Max-Age=0") == std::string::npos) cookies_.push_back(pair);
    }
  }
  http::Request request() const {
    http::Request made;
    made.trace = trace;
    for (const std::string& each : cookies_) made.headers.add("cookie", each);
    return made;
  }
  SignInFlow::Started start(std::string return_to = "/k8s/demo") {
    SignInFlow::Start start;
    start.provider = "okta";
    start.return_to = std::move(return_to);
    auto started = run(flow().start(std::move(start), request()));
    CHECK(started);
    keep(started->set_cookies);
    return std::move(*started);
  }
  std::expected<SignInFlow::Finished, SignInFlow::Failed> finish(
      const std::string& state, std::string provider_name = "okta") {
    text::Form parameters;
    parameters.add("code", "c");
    parameters.add("state", state);
    return run(flow().finish(std::move(provider_name), parameters, request()));
  }
  void expect_bad(const std::expected<SignInFlow::Finished, SignInFlow::Failed>& result) {
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().error.is(Errc::bad_attempt)) << result.error().error.message();
  }

  std::vector<std::string> cookies_;
  const http::TraceContext trace = http::TraceContext::begin(1, 2, 3);

 private:
  std::unique_ptr<SignInFlow> flow_;
};

TEST(SafeReturnTo, IsAPathOfOurOwn) {
  for (const char* good :
       {"/", "/k8s/demo", "/auth/idp/k8sIdp/auth?a=b&c=%2F%2Fx", "/a?x=https://b"})
    EXPECT_EQ(safe_return_to(good), good);
  for (const std::string bad :
       {"", "k8s", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/a\tb",
        "/\xff", "javascript:alert(1)", " /a"})
    EXPECT_EQ(safe_return_to(bad), "/") << bad;
  EXPECT_EQ(safe_return_to("/" + std::string(kMaxReturnTo, 'a')), "/");
}

// A name out of an address must not become a series.
TEST_F(SignIns, AreCountedByProvidersOfValuesAndByOutcome) {
  const auto count = [](const std::string& name, const std::string& outcome) {
    return http::testing::metric("openunison_sign_ins_total{outcome=\"" + outcome +
                                 "\",provider=\"" + name + "\"}");
  };
  const double good = count("okta", "signed_in"), bad = count("okta", "bad_attempt");
  const double unknown = count("unknown", "unknown_provider");
  start();
  EXPECT_TRUE(finish(provider->begun.state));
  EXPECT_FALSE(finish("a-state-that-nobody-made"));
  EXPECT_FALSE(finish("x", "no-such-provider"));
  EXPECT_EQ(count("okta", "signed_in"), good + 1);
  EXPECT_EQ(count("okta", "bad_attempt"), bad + 1);
  EXPECT_EQ(count("unknown", "unknown_provider"), unknown + 1);
  EXPECT_EQ(metrics::expose().find("no-such-provider"), std::string::npos);
}

TEST_F(SignIns, EndAtThePageThatTheyStartedFrom) {
  start();
  const auto finished = finish(provider->begun.state);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->return_to, "/k8s/demo");
  EXPECT_EQ(finished->opened.current.principal.user, "alice");
  EXPECT_EQ(provider->finished.attempt, "private");
  EXPECT_EQ(provider->finished.redirect_uri, "https://portal.example/auth/oidc");
  EXPECT_EQ(provider->finished.trace.trace_id(), trace.trace_id());
  keep(finished->set_cookies);
  EXPECT_EQ(cookies_.size(), 1u) << "the attempt's is gone";
  expect_bad(finish(provider->begun.state));
}

TEST_F(SignIns, AreOfTheBrowserThatStartedThem) {
  start();
  const std::string state = provider->begun.state;
  cookies_.clear();
  expect_bad(finish(state));
}

TEST_F(SignIns, NeedTheWholeState) {
  start();
  const std::string state = provider->begun.state;
  expect_bad(finish(state.substr(0, 8)));
  expect_bad(finish(state + "A"));
  expect_bad(finish(""));
  EXPECT_TRUE(finish(state));
}

TEST_F(SignIns, ACookieOfAnotherStateDoesNotServe) {
  start();
  const std::string first = provider->begun.state;
  const std::string value = cookies_[0].substr(cookies_[0].find('='));
  start();
  const std::string second = provider->begun.state;
  cookies_ = {"__Host-ou-attempt-" + second.substr(0, 8) + value};
  expect_bad(finish(second));
}

TEST_F(SignIns, EndAfterTenMinutes) {
  start();
  clock.advance(Seconds(601));
  expect_bad(finish(provider->begun.state));
}

TEST_F(SignIns, FourAtOnceAndNoMore) {
  for (int i = 0; i < 6; ++i) start();
  EXPECT_EQ(cookies_.size(), 4u);
  EXPECT_TRUE(finish(provider->begun.state)) << "the newest";
}

TEST_F(SignIns, TwoTabsBothComeThrough) {
  start("/a");
  const std::string first = provider->begun.state;
  start("/b");
  const std::string second = provider->begun.state;
  EXPECT_EQ(finish(second)->return_to, "/b");
  EXPECT_EQ(finish(first)->return_to, "/a");
}

TEST_F(SignIns, APostedCallbackGoesOnOnceAndSoon) {
  start();
  text::Form posted;
  posted.add("code", "c");
  posted.add("state", provider->begun.state);
  const std::string address = flow().defer_posted_callback("/auth/oidc", posted);
  const auto parameters = *text::Form::parse(address.substr(address.find('?') + 1));
  clock.advance(Seconds(61));
  expect_bad(run(flow().finish("okta", parameters, request())));
  const std::string fresh = flow().defer_posted_callback("/auth/oidc", posted);
  EXPECT_TRUE(
      run(flow().finish("okta", *text::Form::parse(fresh.substr(fresh.find('?') + 1)), request())));
}

TEST_F(SignIns, WhoMayNotGetsNoSession) {
  values->az_groups = {"auditors"};
  start("/somewhere");
  const auto failed = finish(provider->begun.state);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().error.is(identity::Errc::not_allowed));
  EXPECT_EQ(failed.error().return_to, "/somewhere");
  for (const std::string& each : failed.error().set_cookies)
    EXPECT_FALSE(each.starts_with(kSessionCookie));
}

// Whoever reads the log asks first who it was.
TEST_F(SignIns, TheAuditLineOfARefusalSaysWhoItWas) {
  values->az_groups = {"auditors"};
  start();
  ::testing::internal::CaptureStderr();
  const auto failed = finish(provider->begun.state);
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(failed);
  EXPECT_NE(line.find(R"("event":"sign_in_refused","provider":"okta","user":"alice")"),
            std::string::npos)
      << line;
}

TEST_F(SignIns, UnknownProvidersAreRefused) {
  SignInFlow::Start start;
  start.provider = "nobody";
  const auto started = run(flow().start(start, request()));
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().is(Errc::unknown_provider));
  EXPECT_FALSE(finish("state", "nobody"));
}

// --- Back-channel logout ---

class BackchannelLogout : public SignIns {
 protected:
  Result<void> notify(std::string subject, std::string sid, std::string jti = "j1") {
    provider->notice = identity::RedirectConnector::LogoutNotice{
        std::move(subject), std::move(sid), std::move(jti), clock.now() + Seconds(120)};
    return run(flow().backchannel_logout("okta", "token", caller));
  }
  static identity::Identity with_sid(std::string sid) {
    identity::Identity who = person();
    who.upstream_sid = std::move(sid);
    return who;
  }
};

TEST_F(BackchannelLogout, EndsTheSessionItNamesWithItsKubectl) {
  const Current one = sign_in(with_sid("s1")), two = sign_in(with_sid("s2"));
  const auto kubectl = family(one);
  EXPECT_TRUE(notify("sub-alice", "s1"));
  EXPECT_FALSE(lives(one));
  EXPECT_FALSE(rotate(kubectl.refresh_token));
  EXPECT_TRUE(lives(two));
}

TEST_F(BackchannelLogout, WithASubjectAloneEndsAllOfThatPerson) {
  const Current one = sign_in(with_sid("s1")), two = sign_in(), other = sign_in(person("bob"));
  EXPECT_TRUE(notify("sub-alice", ""));
  EXPECT_FALSE(lives(one));
  EXPECT_FALSE(lives(two));
  EXPECT_TRUE(lives(other));
}

TEST_F(BackchannelLogout, WithASidThatWeNeverHeardOfEndsThoseWithoutOne) {
  const Current unnamed = sign_in(), named = sign_in(with_sid("s2")),
                other = sign_in(person("bob"));
  EXPECT_TRUE(notify("sub-alice", "s1"));
  EXPECT_FALSE(lives(unnamed));
  EXPECT_TRUE(lives(named));
  EXPECT_TRUE(lives(other));
}

// However many there are, and however many others.
TEST_F(BackchannelLogout, WithASidThatWeNeverHeardOfEndsAllWithoutOne) {
  for (int i = 0; i < 1'000; ++i) sign_in(with_sid("other"));
  std::vector<Current> unnamed;
  for (int i = 0; i < 1'001; ++i) unnamed.push_back(sign_in());
  EXPECT_TRUE(notify("sub-alice", "s1"));
  for (const Current& each : unnamed) EXPECT_FALSE(lives(each));
}

TEST_F(BackchannelLogout, ATokenCountsOnce) {
  EXPECT_TRUE(notify("sub-alice", ""));
  const Current current = sign_in();
  EXPECT_FALSE(notify("sub-alice", ""));
  EXPECT_TRUE(lives(current));
}

TEST_F(BackchannelLogout, ThatFailedCanBeTriedAgain) {
  const Current current = sign_in();
  store.end_fails = true;
  EXPECT_FALSE(notify("sub-alice", ""));
  store.end_fails = false;
  EXPECT_TRUE(notify("sub-alice", ""));
  EXPECT_FALSE(lives(current));
}

}  // namespace
}  // namespace openunison::session
