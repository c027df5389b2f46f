// SPDX-License-Identifier: Apache-2.0
//
// Discovery and keys: fetched once however many ask, kept, checked, and fetched again with measure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "identity/cached.h"
#include "identity/http_date.h"
#include "identity/oidc_metadata.h"
#include "oidc_fixture.h"

namespace openunison::identity {
namespace {

using ::testing::HasSubstr;

constexpr const char* kDiscovery = "/.well-known/openid-configuration";

class OidcDiscovery : public OidcFixture {};

TEST_F(OidcDiscovery, IsFetchedAtFirstUseAndKept) {
  connector();
  EXPECT_TRUE(provider_.requests.empty());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sign_in());
  EXPECT_EQ(provider_.count(kDiscovery), 1);
  EXPECT_EQ(provider_.count("/keys"), 1);
  clock_.advance(Millis(3'600'000));
  ASSERT_TRUE(sign_in());
  EXPECT_EQ(provider_.count(kDiscovery), 2);
  EXPECT_EQ(provider_.count("/keys"), 2);
}

TEST_F(OidcDiscovery, TrailingSlashOfTheIssuerDoesNotMatterButIsPinned) {
  for (const char* written : {"https://idp.example", "https://idp.example/"}) {
    for (const char* told : {"https://idp.example", "https://idp.example/"}) {
      settings_.issuer = written;
      restart();
      provider_.metadata.set("issuer", told);
      provider_.issuer = told;
      EXPECT_TRUE(sign_in()) << written << told;
      EXPECT_EQ(provider_.count(kDiscovery), 1);
      // Tokens must name what discovery named, byte for byte.
      provider_.issuer = std::string(told) == "https://idp.example" ? "https://idp.example/"
                                                                    : "https://idp.example";
      EXPECT_TRUE(failed_with(sign_in(), Errc::bad_response));
    }
  }
}

TEST_F(OidcDiscovery, PinnedIssuerDoesNotChange) {
  ASSERT_TRUE(sign_in());
  clock_.advance(Millis(3'600'000));
  provider_.metadata.set("issuer", "https://idp.example/");
  provider_.issuer = "https://idp.example/";
  EXPECT_TRUE(failed_with(sign_in(), Errc::bad_response)) << "the former document serves";
  provider_.issuer = "https://idp.example";
  EXPECT_TRUE(sign_in());
  clock_.advance(Millis(60'000));
  EXPECT_THAT(health().detail, HasSubstr("before and now names"));
}

TEST_F(OidcDiscovery, DocumentsThatCanNotBeUsed) {
  struct Case {
    const char* member;
    const char* value;  // null removes
    const char* message;
  };
  const Case cases[] = {
      {"issuer", R"("https://evil.example")", "values.yaml says https://idp.example"},
      {"issuer", R"("https://idp.example//")", "names the issuer"},
      {"issuer", R"("https://IDP.example")", "names the issuer"},
      {"issuer", R"("https://idp.example/{tenantid}")", "shared by all tenants"},
      {"issuer", "7", "names no issuer"},
      {"issuer", nullptr, "names no issuer"},
      {"jwks_uri", R"("http://idp.example/keys")", "jwks_uri must be an https address"},
      {"jwks_uri", R"("http://127.0.0.1/keys")", "jwks_uri must be an https address"},
      {"jwks_uri", R"("file:///etc/passwd")", "jwks_uri"},
      {"jwks_uri", R"("https://u:p@idp.example/keys")", "jwks_uri"},
      {"jwks_uri", "[]", "jwks_uri is no text"},
      {"jwks_uri", nullptr, "no jwks_uri"},
      {"token_endpoint", R"("http://idp.example/token")",
       "token_endpoint must be an https address"},
      {"token_endpoint", nullptr, "no token_endpoint"},
      {"authorization_endpoint", R"("http://idp.example/auth")",
       "authorization_endpoint must be an https address"},
      {"authorization_endpoint", R"("https://idp.example/auth#x")", "fragment"},
      {"authorization_endpoint", R"j("javascript:alert(1)")j", "authorization_endpoint"},
      {"authorization_endpoint", nullptr, "no authorization_endpoint"},
      {"userinfo_endpoint", R"("http://idp.example/me")",
       "userinfo_endpoint must be an https address"},
      {"end_session_endpoint", R"("http://idp.example/end")",
       "end_session_endpoint must be an https address"},
  };
  for (const Case& c : cases) {
    restart();
    std::erase_if(*provider_.metadata.object(),
                  [&c](const auto& member) { return member.first == c.member; });
    if (c.value != nullptr) provider_.metadata.set(c.member, json(c.value));
    const auto begun = begin();
    ASSERT_FALSE(begun) << c.member << (c.value ? c.value : "absent");
    EXPECT_TRUE(failed_with(begun, Errc::unreachable));
    EXPECT_THAT(begun.error().message(), HasSubstr(c.message));
  }
}

TEST_F(OidcDiscovery, AnswersThatAreNoDocument) {
  const std::pair<http::Response, const char*> cases[] = {
      {reply(200, "<html>", "text/html"), "isn't JSON"},
      {reply(200, "[]"), "no JSON object"},
      {reply(200, R"({"issuer":"https://idp.example","issuer":"https://evil.example"})"),
       "isn't JSON"},
      {reply(200, "{\"x\":\"" + std::string(300 * 1024, 'x') + "\"}"), "isn't JSON"},
      {reply(404, ""), "status 404"},
      {reply(500, ""), "status 500"},
      {reply(301, ""), "redirects"},
      {reply(204, ""), "status 204"},
  };
  for (const auto& [response, message] : cases) {
    restart();
    provider_.scripts[kDiscovery] = [&answer = response](const http::ClientRequest&) {
      return answer;
    };
    const auto begun = begin();
    ASSERT_FALSE(begun) << message;
    EXPECT_TRUE(failed_with(begun, Errc::unreachable));
    EXPECT_THAT(begun.error().message(), HasSubstr(message));
  }
}

TEST_F(OidcDiscovery, IssuerMustBeHttps) {
  for (const char* issuer : {"http://idp.example", "http://127.0.0.1:9000", "ftp://x",
                             "https://idp.example?x=1", "idp.example"}) {
    settings_.issuer = issuer;
    restart();
    EXPECT_TRUE(failed_with(begin(), Errc::unreachable)) << issuer;
    EXPECT_TRUE(provider_.requests.empty()) << issuer;
  }
}

TEST_F(OidcDiscovery, FailureIsNotRepeatedBeforeTheBackOff) {
  provider_.scripts[kDiscovery] = [](const http::ClientRequest&) { return reply(500, ""); };
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(begin());
  EXPECT_EQ(provider_.count(kDiscovery), 1);
  clock_.advance(Millis(1'000));
  EXPECT_FALSE(begin());
  EXPECT_EQ(provider_.count(kDiscovery), 2);
  clock_.advance(Millis(1'999));
  EXPECT_FALSE(begin());
  EXPECT_EQ(provider_.count(kDiscovery), 2);
  clock_.advance(Millis(1));
  provider_.scripts.clear();
  EXPECT_TRUE(begin());
}

TEST_F(OidcDiscovery, OutageDoesNotTakeAwayWhatWasKnown) {
  ASSERT_TRUE(begin());
  provider_.scripts[kDiscovery] = [](const http::ClientRequest&) { return reply(500, ""); };
  clock_.advance(Millis(3'600'000));
  EXPECT_TRUE(begin());
  EXPECT_FALSE(health().reachable);
}

TEST_F(OidcDiscovery, WrittenEndpointsComeBeforeTheDocuments) {
  settings_.auth_url = "https://other.example/authorize";
  restart();
  EXPECT_THAT(begin()->url, testing::StartsWith("https://other.example/authorize?"));
}

// --- Keys ---

TEST_F(OidcDiscovery, KeySwapIsFollowed) {
  ASSERT_TRUE(sign_in());
  provider_.published = {0, 1};
  provider_.key = 1;
  provider_.kid = "k1";
  EXPECT_TRUE(sign_in());
  EXPECT_EQ(provider_.count("/keys"), 2);
  provider_.published = {1};
  EXPECT_TRUE(sign_in());
  EXPECT_EQ(provider_.count("/keys"), 2);
}

TEST_F(OidcDiscovery, UnknownKeysDoNotBecomeAFloodOfFetches) {
  ASSERT_TRUE(sign_in());
  provider_.kid = "made-up";
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(failed_with(sign_in(), Errc::bad_response));
    clock_.advance(Millis(100));
  }
  EXPECT_EQ(provider_.count("/keys"), 2);
  clock_.advance(Millis(30'000));
  EXPECT_FALSE(sign_in());
  EXPECT_EQ(provider_.count("/keys"), 3);
  provider_.kid = "k0";
  EXPECT_TRUE(sign_in()) << "and good tokens go on";
}

TEST_F(OidcDiscovery, KeysThatCanNotBeUsed) {
  const std::pair<http::Response, Errc> cases[] = {
      {reply(200, "<html>", "text/html"), Errc::unreachable},
      {reply(200, R"({"keys":[]})"), Errc::bad_response},
      {reply(200, R"({"keys":[{"kty":"oct","kid":"k0","k":"c2VjcmV0"}]})"), Errc::bad_response},
      {reply(302, ""), Errc::unreachable},
      {reply(500, ""), Errc::unreachable},
  };
  for (const auto& [response, code] : cases) {
    restart();
    provider_.scripts["/keys"] = [&answer = response](const http::ClientRequest&) {
      return answer;
    };
    const auto refused = sign_in();
    ASSERT_FALSE(refused) << response.body;
    EXPECT_TRUE(failed_with(refused, code)) << response.body << refused.error().message();
  }
}

// --- Many at once ---

Task<void> begin_one(Connector& connector, RedirectConnector::BeginRequest request, int& good,
                     int& left, net::Completion& all) {
  auto begun = co_await connector.redirect()->begin(std::move(request));
  if (begun) ++good;
  if (--left == 0) all.complete();
}

Task<bool> open_gate_when(FakeProvider& provider, net::Completion& gate, net::Completion& all) {
  // Every caller has had its turn on this one thread before we go on.
  for (int i = 0; i < 3; ++i) co_await net::sleep_until(net::in(Millis(1)));
  EXPECT_EQ(provider.requests.size(), 1u);
  gate.complete();
  const bool done = co_await all.wait(net::in(Seconds(20)));
  co_return done;
}

TEST_F(OidcDiscovery, TwentyAtOnceFetchOnce) {
  net::Completion gate, all;
  provider_.gate = &gate;
  int good = 0, left = 20;
  for (int i = 0; i < 20; ++i)
    runtime_.spawn(0, begin_one(connector(), begin_request(), good, left, all));
  EXPECT_TRUE(runtime_.block_on(open_gate_when(provider_, gate, all)));
  EXPECT_EQ(good, 20);
  EXPECT_EQ(provider_.count(kDiscovery), 1);
}

struct Shared {
  SystemClock clock;
  std::atomic<int> loads{0}, good{0}, left{200};
  net::Runtime runtime{4};
  Cached<int> cached{[this](net::Deadline) { return load(this); }, {}, &clock};

  static Task<Result<int>> load(Shared* self) {
    ++self->loads;
    co_await net::sleep_until(net::in(Millis(20)));
    co_return 42;
  }
  static Task<void> use(Shared* self) {
    auto value = co_await self->cached.get(net::in(Seconds(20)));
    if (value && **value == 42) ++self->good;
    if (--self->left == 0) self->runtime.stop();
  }
};

TEST(Cached, IsFetchedOnceForAllThreads) {
  Shared shared;
  for (unsigned i = 0; i < 200; ++i) shared.runtime.spawn(i % 4, Shared::use(&shared));
  shared.runtime.run();
  EXPECT_EQ(shared.good, 200);
  EXPECT_EQ(shared.loads, 1);
}

// --- Health ---

TEST_F(OidcDiscovery, HealthMeasuresTheClock) {
  provider_.date = "Tue, 14 Nov 2023 22:13:30 GMT";  // 10 s ahead
  auto told = health();
  EXPECT_TRUE(told.reachable);
  ASSERT_TRUE(told.clock_ahead);
  EXPECT_EQ(*told.clock_ahead, Millis(10'500));
  health();
  EXPECT_EQ(provider_.count(kDiscovery), 1) << "asked at most every 30 s";
  clock_.advance(Millis(30'000));
  told = health();
  EXPECT_EQ(provider_.count(kDiscovery), 2);
  EXPECT_EQ(*told.clock_ahead, Millis(-19'500));
}

TEST_F(OidcDiscovery, DateOfACacheIsNoClock) {
  provider_.scripts[kDiscovery] = [this](const http::ClientRequest&) {
    http::Response response = reply(200, provider_.metadata.dump());
    response.headers.add("age", "3000");
    return response;
  };
  provider_.date = "Tue, 14 Nov 2023 21:13:30 GMT";
  EXPECT_FALSE(health().clock_ahead);
}

TEST_F(OidcDiscovery, HealthSaysWhatIsWrong) {
  provider_.scripts[kDiscovery] = [](const http::ClientRequest&) -> Result<http::Response> {
    return fail(net::Errc::untrusted, "idp.example:443: self-signed certificate");
  };
  const auto told = health();
  EXPECT_FALSE(told.reachable);
  EXPECT_THAT(told.detail, HasSubstr("self-signed certificate"));
}

// --- Header fields ---

TEST(HttpDate, Parses) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), WallTime(Seconds(784'111'777)));
  EXPECT_EQ(parse_http_date("Tue, 14 Nov 2023 22:13:20 GMT"), WallTime(Seconds(1'700'000'000)));
  for (const char* bad : {"", "now", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                          "Sun, 06 Nov 1994 08:49:-7 GMT", "Sun, 06 xxx 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

TEST(HttpDate, RetryAfter) {
  const WallTime now(Seconds(1'700'000'000));
  struct Case {
    http::Headers headers;
    std::optional<Millis> wait;
  };
  const Case cases[] = {
      {{}, std::nullopt},
      {{{"retry-after", "120"}}, Seconds(120)},
      {{{"retry-after", "0"}}, Seconds(0)},
      {{{"retry-after", "-1"}}, std::nullopt},
      {{{"retry-after", "1.5"}}, std::nullopt},
      {{{"retry-after", "99999999999999999999"}}, std::nullopt},
      {{{"retry-after", "Tue, 14 Nov 2023 22:14:20 GMT"}}, Seconds(60)},
      {{{"retry-after", "Tue, 14 Nov 2023 22:10:20 GMT"}}, Seconds(0)},
      {{{"retry-after", "Tue, 14 Nov 2023 22:14:20 GMT"},
        {"date", "Tue, 14 Nov 2023 22:14:00 GMT"}},
       Seconds(20)},
      {{{"x-rate-limit-reset", "1700000030"}}, Seconds(30)},
      {{{"x-rate-limit-reset", "1700000030"}, {"date", "Tue, 14 Nov 2023 22:13:40 GMT"}},
       Seconds(10)},
      {{{"x-rate-limit-reset", "soon"}}, std::nullopt},
      {{{"x-rate-limit-reset", "9999999999999999"}}, std::nullopt},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(retry_after(c.headers, now), c.wait)
        << (c.headers.fields().empty() ? "" : c.headers.fields()[0].value);
  }
}

}  // namespace
}  // namespace openunison::identity
