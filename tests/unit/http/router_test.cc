// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection_fixture.h"
#include "h1_cases.h"

namespace openunison::http::testing {
namespace {

using ::testing::ElementsAre;

Task<Response> say(std::string text) {
  co_return Response{200, {}, std::move(text)};
}

Handler saying(const char* text) {
  return [text](Request&) { return say(text); };
}

std::unique_ptr<Router> example() {
  auto made = std::make_unique<Router>();
  Router& router = *made;
  router.route({"GET"}, "/a/*", saying("a"));
  router.route({"GET"}, "/a/b/*", saying("ab"));
  router.route({"GET", "POST"}, "/a/b/c", saying("abc"));
  router.route({"DELETE"}, "/a/b/c", saying("deleted"));
  router.route({"POST"}, "/form", saying("form"));
  router.route({"GET"}, "/", saying("root"));
  return made;
}

struct RouteCase {
  const char* method;
  const char* path;
  int status;
  const char* body;  // of a 200, or the Allow of a 405
  const char* label;
};

TEST(Router, Table) {
  const RouteCase cases[] = {
      {"GET", "/", 200, "root", "/"},
      {"GET", "/a/", 200, "a", "/a/*"},
      {"GET", "/a/x", 200, "a", "/a/*"},
      {"GET", "/a/b", 200, "a", "/a/*"},
      {"GET", "/a/b/", 200, "ab", "/a/b/*"},
      {"GET", "/a/b/x/y", 200, "ab", "/a/b/*"},
      {"GET", "/a/b/c", 200, "abc", "/a/b/c"},
      {"POST", "/a/b/c", 200, "abc", "/a/b/c"},
      {"DELETE", "/a/b/c", 200, "deleted", "/a/b/c"},
      {"PUT", "/a/b/c", 405, "DELETE, GET, HEAD, POST", "/a/b/c"},
      {"POST", "/a/x", 405, "GET, HEAD", "/a/*"},
      {"GET", "/form", 405, "POST", "/form"},
      {"HEAD", "/form", 405, "POST", "/form"},
      {"GET", "/a", 404, "", "other"},
      {"GET", "/A/x", 404, "", "other"},
      {"GET", "/formx", 404, "", "other"},
      {"OPTIONS", "*", 404, "", "other"},
  };
  const auto made = example();
  struct Noted {
    Router& router;
    std::string route;
  } noted{*made, {}};
  FunctionService<Noted> service(
      noted, [](Noted& to, Request& request, Responder& responder) -> Task<void> {
        co_await to.router.handle(request, responder);
        to.route = request.route;
      });
  for (const RouteCase& each : cases) {
    const std::string raw =
        std::string(each.method) + " " + each.path + " HTTP/1.1\r\n" + kHost + "\r\n";
    const auto got =
        parse_responses(converse(service, raw), std::string_view(each.method) == "HEAD");
    ASSERT_EQ(got.size(), 1u) << raw;
    EXPECT_EQ(got[0].status, each.status) << raw;
    if (each.status == 200) EXPECT_EQ(got[0].body, each.body) << raw;
    EXPECT_EQ(got[0].header("allow"), each.status == 405 ? each.body : "") << raw;
    EXPECT_EQ(noted.route, each.label) << raw;
  }
}

TEST(Router, HeadIsAnsweredWhereGetIs) {
  const auto made = example();
  Router& router = *made;
  const std::string answer = converse(router, "HEAD /a/b/c HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(answer.find("content-length: 3"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(Router, FallbackGetsWhatIsUnknown) {
  const auto made = example();
  Router& router = *made;
  router.fallback(service_of(saying("fallback")));
  EXPECT_EQ(parse_responses(converse(router, get("/unknown")))[0].body, "fallback");
  EXPECT_EQ(parse_responses(converse(router, get("/form")))[0].status, 405);
}

TEST(Router, RoutesAreListed) {
  EXPECT_THAT(example()->routes(), ElementsAre("DELETE /a/b/c", "GET /", "GET /a/*", "GET /a/b/*",
                                               "GET /a/b/c", "POST /a/b/c", "POST /form"));
}

TEST(RouterDeathTest, SameRouteTwiceIsABug) {
  const auto made = example();
  Router& router = *made;
  router.route({"GET"}, "/form", saying("another method is fine"));
  EXPECT_DEATH(router.route({"POST"}, "/form", saying("1")), "");
}

TEST(RouterDeathTest, SamePrefixTwiceIsABug) {
  const auto made = example();
  Router& router = *made;
  EXPECT_DEATH(router.route({"GET"}, "/a/*", saying("1")), "");
}

TEST(HostRouter, ChoosesByHostAndRefusesOthers) {
  HostRouter hosts;
  hosts.add("one.example", service_of(saying("one")));
  hosts.add("::1", service_of(saying("six")));
  const auto ask = [&](const std::string& host) {
    return parse_responses(converse(hosts, with_host(host)))[0];
  };
  EXPECT_EQ(ask("one.example").body, "one");
  EXPECT_EQ(ask("ONE.example:8443").body, "one");
  EXPECT_EQ(ask("[::1]").body, "six");
  EXPECT_EQ(ask("two.example").status, 421);
  EXPECT_EQ(ask("sub.one.example").status, 421);
  EXPECT_EQ(ask("one.example.").status, 421);
}

}  // namespace
}  // namespace openunison::http::testing
