// SPDX-License-Identifier: Apache-2.0
//
// One HTTP/1.1 connection, in memory: answers, reuse, bodies, upgrades. Each test that
// needs it runs with reads of one byte too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection_fixture.h"
#include "h1_cases.h"

namespace openunison::http::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ServerConnection : public ::testing::TestWithParam<std::size_t> {
 protected:
  std::vector<Received> run(Service& service, const std::string& raw, const Limits& limits = {}) {
    return parse_responses(converse(service, raw, limits, GetParam()));
  }
  Nothing nothing_;
};

INSTANTIATE_TEST_SUITE_P(Splits, ServerConnection, ::testing::Values(0, 1, 7));

TEST_P(ServerConnection, AnswersCarryWhatEveryAnswerMust) {
  MirrorService mirror;
  const auto got = run(mirror, get("/a"));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].status_line, "HTTP/1.1 200 OK");
  EXPECT_THAT(got[0].header("date"),
              MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT"));
  EXPECT_THAT(got[0].header("x-request-id"), MatchesRegex("[A-Za-z0-9_-]{16}"));
  EXPECT_EQ(got[0].header("x-content-type-options"), "nosniff");
  EXPECT_EQ(got[0].header("strict-transport-security"), "");  // not over TLS
  EXPECT_EQ(got[0].header("content-length"), std::to_string(got[0].body.size()));
}

TEST_P(ServerConnection, RequestIdsAreOursAndDiffer) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(text(200, request.id));
      });
  const auto got =
      run(service, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n" + get("/"));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].body, got[0].header("x-request-id"));
  EXPECT_NE(got[0].body, "mine");
  EXPECT_NE(got[0].body, got[1].body);
}

TEST_P(ServerConnection, ARequestIsPartOfTheCallersTraceOrOfOneOfItsOwn) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(
            text(200, request.trace.traceparent() + ' ' + request.trace.tracestate()));
      });
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string good = "traceparent: 00-" + trace + "-00f067aa0ba902b7-01\r\n";
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  const auto got = run(service, head + good + "TraceState: a=1\r\ntracestate: b=2\r\n\r\n" + head +
                                    good + good + "\r\n" + head + "traceparent: 00-" + trace +
                                    "-x\r\ntracestate: a=1\r\n\r\n" + get("/") + get("/"));
  ASSERT_EQ(got.size(), 5u);
  EXPECT_THAT(got[0].body, MatchesRegex("00-" + trace + "-[0-9a-f]{16}-01 a=1,b=2"));
  EXPECT_THAT(got[0].body, Not(HasSubstr("00f067aa0ba902b7")));
  for (std::size_t i = 1; i < got.size(); ++i) {
    EXPECT_THAT(got[i].body, MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00 ")) << i;
    EXPECT_THAT(got[i].body, Not(HasSubstr(trace))) << i;
  }
  EXPECT_NE(got[3].body, got[4].body);
}

TEST_P(ServerConnection, PipelinedRequestsAreAnsweredInOrder) {
  MirrorService mirror;
  std::string raw;
  for (std::size_t i = 0; i < 100; ++i)
    raw += i % 3 == 0   ? post("Content-Length: 5\r\n", "hello")
           : i % 3 == 1 ? chunked(kChunks)
                        : get("/" + std::to_string(i));
  const auto got = run(mirror, raw);
  ASSERT_EQ(got.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_EQ(got[i].body, i % 3 == 2 ? "GET /" + std::to_string(i) + " example.com []" : kPosted);
}

TEST_P(ServerConnection, CloseIsHonouredAndSaid) {
  MirrorService mirror;
  const auto got = run(mirror, with_line("Connection: close") + get("/second"));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].header("connection"), "close");
  EXPECT_EQ(mirror.requests, 1);
}

TEST_P(ServerConnection, Http10ClosesUnlessAskedNotTo) {
  MirrorService mirror;
  const std::string plain = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
  const std::string kept = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(run(mirror, plain + plain).size(), 1u);
  const auto got = run(mirror, kept + plain);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].header("connection"), "keep-alive");
  EXPECT_EQ(got[1].header("connection"), "close");
}

TEST_P(ServerConnection, LastAllowedRequestIsToldSo) {
  MirrorService mirror;
  Limits limits;
  limits.requests_per_connection = 2;
  const auto got = run(mirror, get("/1") + get("/2") + get("/3"), limits);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].header("connection"), "");
  EXPECT_EQ(got[1].header("connection"), "close");
}

TEST_P(ServerConnection, HeadHasALengthAndNoBody) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        if (request.path == "/sent") {
          co_await responder.send(text(200, "hello"));
          co_return;
        }
        auto writer = co_await responder.start(
            {200, {}}, request.path == "/known" ? std::optional<std::uint64_t>(5) : std::nullopt);
        co_await (*writer)->write("hello");
        co_await (*writer)->finish();
      });
  const std::string rest = " HTTP/1.1\r\n" + kHost + "\r\n";
  const std::string answer = converse(
      service, "HEAD /sent" + rest + "HEAD /known" + rest + "HEAD /chunks" + rest, {}, GetParam());
  EXPECT_THAT(answer, Not(HasSubstr("hello")));
  const auto got = parse_responses(answer, true);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].header("content-length"), "5");
  EXPECT_EQ(got[1].header("content-length"), "5");
  EXPECT_EQ(got[2].header("transfer-encoding"), "chunked");
}

TEST_P(ServerConnection, StatusesWithoutBodyHaveNone) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        co_await responder.send(text(request.path == "/204" ? 204 : 304, "must not be sent"));
      });
  const std::string answer =
      converse(service, get("/204") + get("/304") + get("/204"), {}, GetParam());
  EXPECT_THAT(answer, Not(HasSubstr("must not")));
  const auto got = parse_responses(answer);
  ASSERT_EQ(got.size(), 3u);
  for (const Received& each : got) {
    EXPECT_EQ(each.header("content-length"), "");
    EXPECT_EQ(each.header("transfer-encoding"), "");
  }
}

// --- Streaming out ---

FunctionService<Nothing>::Function stream_out = [](Nothing&, Request& request,
                                                   Responder& responder) -> Task<void> {
  const std::optional<std::uint64_t> length =
      request.path == "/known" ? std::optional<std::uint64_t>(10) : std::nullopt;
  auto writer = co_await responder.start({200, {}}, length);
  co_await (*writer)->write("hello");
  co_await (*writer)->write("");
  co_await (*writer)->write("world");
  co_await (*writer)->finish();
};

TEST_P(ServerConnection, StreamsInChunksOrByLength) {
  FunctionService<Nothing> service(nothing_, stream_out);
  const auto got = run(service, get("/chunks") + get("/known") + get("/chunks"));
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].header("transfer-encoding"), "chunked");
  EXPECT_EQ(got[1].header("content-length"), "10");
  for (const Received& each : got) {
    EXPECT_EQ(each.body, "helloworld");
    EXPECT_TRUE(each.complete);
  }
}

TEST_P(ServerConnection, StreamsToHttp10UntilClose) {
  FunctionService<Nothing> service(nothing_, stream_out);
  const auto got = run(
      service, "GET /chunks HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + get("/more"));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].header("transfer-encoding"), "");
  EXPECT_EQ(got[0].header("connection"), "close");
  EXPECT_EQ(got[0].body, "helloworld");
}

TEST_P(ServerConnection, LargeAnswersArriveWhole) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        const std::string large(300'000, 'x');
        if (request.path == "/sent") {
          co_await responder.send(text(200, large));
          co_return;
        }
        auto writer = co_await responder.start({200, {}}, std::nullopt);
        co_await (*writer)->write(large);
        co_await (*writer)->finish();
      });
  const auto got = run(service, get("/sent") + get("/chunks"));
  ASSERT_EQ(got.size(), 2u);
  for (const Received& each : got) EXPECT_EQ(each.body, std::string(300'000, 'x'));
}

TEST_P(ServerConnection, UnfinishedStreamIsCut) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start(
            {200, {}}, request.path == "/known" ? std::optional<std::uint64_t>(10) : std::nullopt);
        co_await (*writer)->write("hello");
      });
  for (const char* path : {"/chunks", "/known"}) {
    const auto got = run(service, get(path) + get("/second"));
    ASSERT_EQ(got.size(), 1u) << path;
    EXPECT_FALSE(got[0].complete) << path;
  }
}

TEST_P(ServerConnection, AnswerOfAnotherLengthThanAnnouncedIsCut) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        auto writer = co_await responder.start({200, {}}, 7);
        auto first = co_await (*writer)->write("hello");
        EXPECT_TRUE(first);
        if (request.path == "/long") {
          auto second = co_await (*writer)->write("world");
          EXPECT_FALSE(second);
        }
        auto finished = co_await (*writer)->finish();
        EXPECT_FALSE(finished);
      });
  for (const char* path : {"/long", "/short"}) {
    const auto got = run(service, get(path) + get("/second"));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_FALSE(got[0].complete);
    EXPECT_EQ(got[0].body, "hello");
  }
}

// --- What a service may get wrong ---

TEST_P(ServerConnection, NoAnswerIs500AndTheConnectionLives) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder&) -> Task<void> { co_return; });
  const auto got = run(service, get("/") + get("/"));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].status, 500);
  EXPECT_EQ(got[0].header("content-type"), "text/plain; charset=utf-8");
}

TEST_P(ServerConnection, AnswerThatWouldSplitIs500) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        Response response = text(200, "body");
        if (request.path == "/value") response.headers.add("location", "/a\r\nset-cookie: evil=1");
        if (request.path == "/name") response.headers.add("x: y\r\nset-cookie", "evil=1");
        if (request.path == "/status") response.status = 99;
        auto sent = co_await responder.send(std::move(response));
        EXPECT_FALSE(sent);
        EXPECT_FALSE(responder.started());
      });
  const std::string answer =
      converse(service, get("/value") + get("/name") + get("/status"), {}, GetParam());
  EXPECT_THAT(answer, Not(HasSubstr("evil")));
  const auto got = parse_responses(answer);
  ASSERT_EQ(got.size(), 3u);
  for (const Received& each : got) EXPECT_EQ(each.status, 500);
}

TEST_P(ServerConnection, SecondAnswerIsRefused) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request&, Responder& responder) -> Task<void> {
        co_await responder.send(text(200, "first"));
        auto again = co_await responder.send(text(200, "second"));
        EXPECT_FALSE(again);
        auto streamed = co_await responder.start({200, {}}, std::nullopt);
        EXPECT_FALSE(streamed);
      });
  const auto got = run(service, get("/"));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].body, "first");
}

TEST_P(ServerConnection, FramingFieldsOfTheServiceAreDropped) {
  FunctionService<Nothing> service(nothing_,
                                   [](Nothing&, Request&, Responder& responder) -> Task<void> {
                                     Response response = text(200, "hello");
                                     response.headers.add("content-length", "500");
                                     response.headers.add("transfer-encoding", "chunked");
                                     response.headers.add("connection", "close");
                                     response.headers.add("x-request-id", "theirs");
                                     response.headers.add("x-content-type-options", "nosniff");
                                     co_await responder.send(std::move(response));
                                   });
  const std::string answer = converse(service, get("/") + get("/"), {}, GetParam());
  EXPECT_THAT(answer, Not(HasSubstr("500")));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, Not(HasSubstr("theirs")));
  const auto got = parse_responses(answer);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(
      std::count_if(got[0].fields.begin(), got[0].fields.end(),
                    [](const auto& field) { return field.first == "x-content-type-options"; }),
      1);
}

// --- What the service sees ---

TEST_P(ServerConnection, ServiceSeesNoFieldsOfTheConnection) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        std::string names;
        for (const Field& field : request.headers.fields())
          names += field.name + "=" + field.value + ";";
        co_await responder.send(text(200, names + request.upgrade));
      });
  const std::string fields =
      "Connection: Upgrade, TE\r\nUpgrade: WebSocket\r\nTE: trailers\r\nKeep-Alive: 5\r\nTrailer: "
      "x\r\n"
      "Content-Length: 0\r\nX-One: 1\r\nX-One: 2\r\nCookie: a=b\r\n";
  const auto got = run(service, post(fields, ""));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].body, "x-one=1;x-one=2;cookie=a=b;websocket");
}

TEST_P(ServerConnection, BodyLengthIsKnownWhereItIsGiven) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        const auto length = request.body->length();
        co_await responder.send(text(200, length ? std::to_string(*length) : "unknown"));
      });
  const auto got =
      run(service, post("Content-Length: 5\r\n", "hello") + chunked(kChunks) + get("/"));
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].body, "5");
  EXPECT_EQ(got[1].body, "unknown");
  EXPECT_EQ(got[2].body, "0");
}

TEST_P(ServerConnection, ServiceMayDropItsBodyReader) {
  FunctionService<Nothing> service(
      nothing_, [](Nothing&, Request& request, Responder& responder) -> Task<void> {
        request.body.reset();
        co_await responder.send(text(200, "ok"));
      });
  const auto got =
      run(service, post("Content-Length: 5\r\n", "hello") + chunked(kChunks) + get("/"));
  EXPECT_EQ(got.size(), 3u);
}

// --- Bodies that the service leaves ---

TEST_P(ServerConnection, SmallUnreadBodyIsReadOver) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  const std::string body(60'000, 'x');
  const auto got = run(service, post("Content-Length: 60000\r\n", body) +
                                    chunked("ea60\r\n" + body + "\r\n0\r\n\r\n") + get("/last"));
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].header("connection"), "");
  EXPECT_EQ(got[2].body, "/last");
}

TEST_P(ServerConnection, LargeUnreadBodyEndsTheConnection) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  const std::string body(70'000, 'x');
  const auto got = run(service, post("Content-Length: 70000\r\n", body) + get("/last"));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].header("connection"), "close");
  const auto in_chunks = run(service, chunked("11170\r\n" + body + "\r\n0\r\n\r\n") + get("/last"));
  EXPECT_EQ(in_chunks.size(), 1u);
}

TEST_P(ServerConnection, BrokenUnreadBodyEndsTheConnection) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  EXPECT_EQ(run(service, chunked("x\r\n") + get("/last")).size(), 1u);
}

// --- Expect: 100-continue (RFC 9110 §10.1.1) ---

const std::string kExpecting = "Content-Length: 5\r\nExpect: 100-Continue\r\n";

Task<void> expect_when_read(net::Runtime& runtime, std::size_t split) {
  MirrorService mirror;
  Conversation conversation(runtime, mirror, {}, split);
  co_await conversation.send(post(kExpecting, ""));
  const std::string interim = co_await conversation.read_until("\r\n\r\n");
  EXPECT_EQ(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  co_await conversation.send("hello" + get("/next"));
  co_await conversation.finish_sending();
  const std::string all = co_await conversation.read_to_end();
  const auto got = parse_responses(all);
  EXPECT_EQ(got.size(), 3u);
  if (got.size() == 3) EXPECT_EQ(got[1].body, kPosted);
}

TEST_P(ServerConnection, ContinueIsSentWhenTheBodyIsRead) {
  net::Runtime runtime(1);
  runtime.block_on(expect_when_read(runtime, GetParam()));
}

TEST_P(ServerConnection, ContinueIsNotSentWhenTheBodyIsNotRead) {
  FunctionService<Nothing> service(nothing_, ignore_body);
  const auto got = run(service, post(kExpecting, "") + "hello" + get("/next"));
  ASSERT_EQ(got.size(), 1u);  // whether the body comes isn't known: the connection ends
  EXPECT_EQ(got[0].status, 200);
  EXPECT_EQ(got[0].header("connection"), "close");
}

TEST_P(ServerConnection, NoContinueForHttp10OrWithoutBody) {
  MirrorService mirror;
  const auto old = run(mirror, "POST /p HTTP/1.0\r\n" + kHost + kExpecting + "\r\nhello");
  ASSERT_EQ(old.size(), 1u);
  EXPECT_EQ(old[0].body, kPosted);
  EXPECT_EQ(run(mirror, with_line("Expect: 100-continue")).size(), 1u);
}

TEST_P(ServerConnection, TooLargeIsRefusedBeforeContinue) {
  MirrorService mirror;
  const auto got = run(mirror, post("Content-Length: 2000000\r\nExpect: 100-continue\r\n", ""));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].status, 413);
}

// RFC 9110 §9.3.2: what looks like a body would be the next answer's beginning.
TEST_P(ServerConnection, RefusedHeadRequestGetsNoBody) {
  MirrorService mirror;
  const std::string text = converse(
      mirror, "HEAD / HTTP/1.1\r\n" + kHost + "Content-Length: 2000000\r\n\r\n", {}, GetParam());
  EXPECT_TRUE(text.starts_with("HTTP/1.1 413 ")) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
}

// --- Upgrade (RFC 9110 §7.8) ---

struct Upgraded {
  std::unique_ptr<net::Stream> kept;
};

FunctionService<Upgraded>::Function echo_upgraded = [](Upgraded&, Request& request,
                                                       Responder& responder) -> Task<void> {
  auto stream = co_await responder.upgrade(
      {101, {{"upgrade", request.upgrade}, {"sec-websocket-accept", "x"}}});
  if (!stream) {
    co_await responder.send(text(400, "not upgraded"));
    co_return;
  }
  char buffer[16];
  for (;;) {
    auto got = co_await (*stream)->read_some(buffer, net::in(Millis(10'000)));
    if (!got || *got == 0) break;
    const std::string back = "<" + std::string(buffer, *got) + ">";
    co_await (*stream)->write(back, net::in(Millis(10'000)));
  }
};

TEST_P(ServerConnection, UpgradeHandsOverEvenWhatWasReadAlready) {
  Upgraded upgraded;
  FunctionService<Upgraded> service(upgraded, echo_upgraded);
  const std::string answer =
      converse(service, with_line("Connection: keep-alive, Upgrade\r\nUpgrade: echo") + "early", {},
               GetParam());
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nupgrade: echo\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nconnection: upgrade\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("content-length")));
  std::string echoed = answer.substr(answer.find("\r\n\r\n") + 4);
  std::erase_if(echoed, [](char c) { return c == '<' || c == '>'; });
  EXPECT_EQ(echoed, "early");
}

TEST_P(ServerConnection, NoUpgradeThatWasntAskedForOrHasABody) {
  Upgraded upgraded;
  FunctionService<Upgraded> service(upgraded, echo_upgraded);
  const std::string asked = "Connection: upgrade\r\nUpgrade: echo\r\n";
  const std::string cases[] = {get("/"), with_line("Upgrade: echo"),
                               post(asked + "Content-Length: 5\r\n", "hello"),
                               post(asked + "Transfer-Encoding: chunked\r\n", kChunks),
                               "GET / HTTP/1.0\r\n" + kHost + asked + "\r\n"};
  for (const std::string& raw : cases) {
    const auto got = run(service, raw);
    ASSERT_EQ(got.size(), 1u) << raw;
    EXPECT_EQ(got[0].status, 400) << raw;
    EXPECT_EQ(got[0].body, "not upgraded") << raw;
  }
}

}  // namespace
}  // namespace openunison::http::testing
