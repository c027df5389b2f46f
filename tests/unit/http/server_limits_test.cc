// SPDX-License-Identifier: Apache-2.0
//
// What the edge refuses and for how long it waits, on one connection in memory; each with its
// metric.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics.h"
#include "connection_fixture.h"
#include "h1_cases.h"
#include "http/router.h"

namespace openunison::http::testing {
namespace {

using ::testing::HasSubstr;

TEST(ServerConnectionLimits, ErrorsAreShortTextAndClose) {
  MirrorService mirror;
  const auto got = parse_responses(converse(mirror, get("/../a") + get("/b")));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].status, 400);
  EXPECT_EQ(got[0].header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(got[0].header("cache-control"), "no-store");
  EXPECT_EQ(got[0].header("connection"), "close");
  EXPECT_THAT(got[0].body, HasSubstr("RFC"));
  EXPECT_EQ(mirror.requests, 0);
}

TEST(ServerConnectionLimits, OverCapacityIs503WithRetryAfter) {
  MirrorService mirror;
  Limits limits;
  limits.requests_in_flight = 0;
  const double before = metric("openunison_http_refused_total{reason=\"in_flight\"}");
  const auto got = parse_responses(converse(mirror, get("/") + get("/"), limits));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].status, 503);
  EXPECT_EQ(got[0].header("retry-after"), "1");
  EXPECT_EQ(mirror.requests, 0);
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"in_flight\"}"), before + 2);
}

struct RefusalCase {
  const char* reason;
  std::string raw;
  int status;
};

TEST(ServerConnectionMetrics, EachRefusalIsCounted) {
  const RefusalCase cases[] = {
      {"malformed", get("/a b"), 400},
      {"not_implemented", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501},
      {"version", "GET / HTTP/4.0\r\n\r\n", 505},
      {"target_size", get("/" + std::string(300, 'a')), 414},
      {"header_size", with_line("A: " + std::string(2000, 'a')), 431},
      {"body_size", post("Content-Length: 1001\r\n", ""), 413},
      {"body_size", chunked("3e9\r\n" + std::string(1001, 'a') + "\r\n0\r\n\r\n"), 413},
      {"malformed", chunked("x\r\n"), 400},
  };
  for (const RefusalCase& each : cases) {
    MirrorService mirror;
    const std::string series =
        std::string("openunison_http_refused_total{reason=\"") + each.reason + "\"}";
    const double before = metric(series);
    const auto got = parse_responses(converse(mirror, each.raw, case_limits()));
    ASSERT_EQ(got.size(), 1u) << each.reason;
    EXPECT_EQ(got[0].status, each.status) << each.reason;
    EXPECT_EQ(metric(series), before + 1) << each.reason;
  }
}

double answers(const std::string& route, const std::string& status_class) {
  return metric("openunison_http_requests_total{route=\"" + route +
                "\",server=\"local\",status_class=\"" + status_class + "\"}");
}
double timed(const std::string& route) {
  return metric("openunison_http_request_seconds_count{route=\"" + route + "\",server=\"local\"}");
}

TEST(ServerConnectionMetrics, AnswersAreCountedByClass) {
  MirrorService mirror;
  const double ok = answers("other", "2xx"), bad = answers("unread", "4xx");
  const double before = timed("other");
  converse(mirror, get("/") + get("/") + get("/a b"));
  EXPECT_EQ(answers("other", "2xx"), ok + 2);
  EXPECT_EQ(answers("unread", "4xx"), bad + 1);
  EXPECT_EQ(timed("other"), before + 2);
  EXPECT_EQ(metric("openunison_http_requests_in_flight{server=\"local\"}"), 0);
}

// A label comes from the program, never from an address: else anybody could make series.
TEST(ServerConnectionMetrics, AnswersAreCountedByTheRouteThatTheyTook) {
  Router router;
  const auto say = [](Request&) -> Task<Response> { co_return Response{200, {}, "here"}; };
  router.route({"GET"}, "/metrics-test/*", say);
  router.route({"GET"}, "/metrics-test-exact", say);
  const double before = answers("/metrics-test/*", "2xx"), others = answers("other", "4xx");
  converse(router, get("/metrics-test/one") + get("/metrics-test/two") +
                       get("/metrics-test-exact") + get("/nobody-knows-this"));
  EXPECT_EQ(answers("/metrics-test/*", "2xx"), before + 2);
  EXPECT_EQ(answers("/metrics-test-exact", "2xx"), 1);
  EXPECT_EQ(timed("/metrics-test-exact"), 1);
  EXPECT_EQ(answers("other", "4xx"), others + 1);
  const std::string exposed = metrics::expose();
  for (const char* raw : {"metrics-test/one", "metrics-test/two", "nobody-knows-this"})
    EXPECT_EQ(exposed.find(raw), std::string::npos) << raw;
}

TEST(ServerConnectionMetrics, EveryReasonIsThereFromTheStart) {
  MirrorService mirror;
  converse(mirror, get("/"));
  const std::string exposed = metrics::expose();
  for (const char* reason : {"malformed", "in_flight", "connections", "handshake", "h2_resets"})
    EXPECT_NE(exposed.find(std::string("openunison_http_refused_total{reason=\"") + reason + "\"}"),
              std::string::npos)
        << reason;
}

// The client sends `raw` and then nothing, without ending its direction.
Task<std::string> stall(net::Runtime& runtime, Service& service, Limits limits, std::string raw) {
  Conversation conversation(runtime, service, limits);
  co_await conversation.send(raw);
  std::string answer = co_await conversation.read_to_end();
  conversation.drop();
  const bool ended = co_await conversation.server_ended();
  EXPECT_TRUE(ended);
  co_return answer;
}

struct TimeCase {
  const char* name;
  std::string raw;
  Millis Limits::* limit;
  int status;  // 0: closed without a word
  const char* reason;
};

TEST(ServerConnectionTimes, EachWaitHasItsEnd) {
  const TimeCase cases[] = {
      {"nothing comes", "", &Limits::first_byte_timeout, 0, nullptr},
      {"a head drips", "GET / HT", &Limits::header_timeout, 408, "header_time"},
      {"a body drips by length", post("Content-Length: 5\r\n", "hell"), &Limits::rate_grace, 408,
       "body_time"},
      // What it was earlier makes up for nothing.
      {"a body falls silent", post("Content-Length: 20000\r\n", std::string(16'000, 'a')),
       &Limits::body_silence, 408, "body_time"},
      {"a body drips in chunks", chunked("5\r\nhel"), &Limits::rate_grace, 408, "body_time"},
      {"idle between requests", get("/"), &Limits::idle_timeout, 200, nullptr},
  };
  for (const TimeCase& each : cases) {
    Limits limits;
    limits.*each.limit = Millis(20);
    const std::string series =
        each.reason == nullptr
            ? ""
            : std::string("openunison_http_refused_total{reason=\"") + each.reason + "\"}";
    const double before = each.reason == nullptr ? 0 : metric(series);
    net::Runtime runtime(1);
    MirrorService mirror;
    const auto got = parse_responses(runtime.block_on(stall(runtime, mirror, limits, each.raw)));
    ASSERT_EQ(got.size(), each.status == 0 ? 0u : 1u) << each.name;
    if (each.status != 0) EXPECT_EQ(got[0].status, each.status) << each.name;
    if (each.status == 408) EXPECT_EQ(got[0].header("connection"), "close") << each.name;
    if (each.reason != nullptr) EXPECT_EQ(metric(series), before + 1) << each.name;
  }
}

// A client that never reads: the answer's writing ends, and with it the connection.
Task<void> never_read(net::Runtime& runtime, Service& service, Limits limits) {
  Conversation conversation(runtime, service, limits);
  co_await conversation.send(get("/"));
  const bool ended = co_await conversation.server_ended();
  EXPECT_TRUE(ended);
}

TEST(ServerConnectionTimes, ReaderThatStandsStillIsCut) {
  Nothing nothing;
  FunctionService<Nothing> service(
      nothing, [](Nothing&, Request&, Responder& responder) -> Task<void> {
        auto sent = co_await responder.send(text(200, std::string(1'000'000, 'x')));
        EXPECT_FALSE(sent);
      });
  Limits limits;
  limits.rate_grace = Millis(20);
  limits.write_min_bytes_per_second = 1'000'000;
  const double before = metric("openunison_http_refused_total{reason=\"write_time\"}");
  net::Runtime runtime(1);
  runtime.block_on(never_read(runtime, service, limits));
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"write_time\"}"), before + 1);
}

// The service waits longer than the whole grace before it reads: that isn't the client's fault.
Task<void> late_body(net::Runtime& runtime, Service& service, Limits limits) {
  Conversation conversation(runtime, service, limits);
  co_await conversation.send(post("Content-Length: 5\r\n", ""));
  co_await net::sleep_until(net::in(Millis(450)));
  co_await conversation.send("hello");
  co_await conversation.finish_sending();
  const std::string answer = co_await conversation.read_to_end();
  EXPECT_THAT(answer, HasSubstr("hello"));
}

TEST(ServerConnectionTimes, SlowServiceDoesNotUseUpTheClientsTime) {
  Nothing nothing;
  FunctionService<Nothing> service(
      nothing, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await net::sleep_until(net::in(Millis(400)));
        auto body = co_await read_all(*request.body, 100);
        co_await responder.send(text(body ? 200 : 408, body ? *body : ""));
      });
  Limits limits;
  limits.rate_grace = Millis(300);
  net::Runtime runtime(1);
  runtime.block_on(late_body(runtime, service, limits));
}

// Reads the answer to `first`, then sends more than the pipe holds: that works only if the server
// reads on after its answer.
Task<void> send_after_answer(net::Runtime& runtime, Service& service, std::string first,
                             std::string answer_end) {
  Conversation conversation(runtime, service, {});
  co_await conversation.send(first);
  const std::string answer = co_await conversation.read_until(answer_end);
  EXPECT_THAT(answer, HasSubstr("connection: close"));
  const bool taken = co_await conversation.send(std::string(200'000, 'x'));
  EXPECT_TRUE(taken) << first;
  co_await conversation.finish_sending();
  const bool ended = co_await conversation.server_ended();
  EXPECT_TRUE(ended);
}

TEST(ServerConnectionTimes, LingersSoThatTheAnswerIsSeen) {
  net::Runtime runtime(1);
  Nothing nothing;
  FunctionService<Nothing> service(nothing, ignore_body);
  runtime.block_on(
      send_after_answer(runtime, service, post("Content-Length: 2000000\r\n", ""), "too large"));
  runtime.block_on(
      send_after_answer(runtime, service, post("Content-Length: 200000\r\n", ""), "/p"));
}

// It would have read 100 as part of the body.
TEST(ServerConnectionRegression, NoContinueInsideAnAnswer) {
  Nothing nothing;
  FunctionService<Nothing> service(
      nothing, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start({200, {}}, 11);
        EXPECT_TRUE(writer);
        co_await (*writer)->write("before ");
        auto body = co_await read_all(*request.body, 100);
        EXPECT_TRUE(body && *body == "hello");
        co_await (*writer)->write("then");
        co_await (*writer)->finish();
      });
  const std::string answer =
      converse(service, post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"));
  EXPECT_EQ(answer.find("100 Continue"), std::string::npos) << answer;
  EXPECT_THAT(answer, HasSubstr("before then"));
  EXPECT_THAT(answer, HasSubstr("connection: close"));
}

// One byte each few milliseconds: no single wait is long, all of them together are.
Task<std::string> drip(net::Runtime& runtime, Service& service, Limits limits) {
  Conversation conversation(runtime, service, limits);
  co_await conversation.send(post("Content-Length: 50\r\n", ""));
  for (int i = 0; i < 50; ++i) {
    co_await conversation.send("x");
    co_await net::sleep_until(net::in(Millis(5)));
  }
  co_await conversation.finish_sending();
  co_return co_await conversation.read_to_end();
}

TEST(ServerConnectionTimes, RateIsOverTheWholeBody) {
  MirrorService mirror;
  Limits limits;
  limits.rate_grace = Millis(100);
  limits.body_min_bytes_per_second = 1'000'000;
  net::Runtime runtime(1);
  const auto got = parse_responses(runtime.block_on(drip(runtime, mirror, limits)));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].status, 408);
}

}  // namespace
}  // namespace openunison::http::testing
