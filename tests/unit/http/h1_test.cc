// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "http/h1_cases_runner.h"
#include "http/h1/syntax.h"
#include "http/h1_cases.h"
#include "http/router.h"

namespace openunison::http {
namespace {

TEST(H1Request, TableHasEveryKindOfHostility) { EXPECT_GE(h1_cases().size(), 110u); }

// The parser itself: whole, and byte by byte, with the same answer.
TEST(H1Request, TableWholeAndByteByByte) {
  const Limits limits;
  for (const H1Case& each : h1_cases()) {
    SCOPED_TRACE(std::string(each.name) + " (RFC " + each.section + ")");
    for (const bool split : {false, true}) {
      h1::HeadScanner scanner(limits);
      Result<std::optional<std::size_t>> found{std::optional<std::size_t>()};
      for (std::size_t size = split ? 1 : each.bytes.size(); size <= each.bytes.size(); ++size) {
        found = scanner.scan(std::string_view(each.bytes).substr(0, size));
        if (!found || *found) break;
      }
      int status = 0;
      if (!found) {
        status = status_of(found.error().code());
      } else if (!*found) {
        status = -1;  // never came to an end
      } else {
        const auto head = h1::parse_request(std::string_view(each.bytes).substr(0, **found), limits, false);
        if (!head) status = status_of(head.error().code());
        if (head && head->length > limits.body_bytes) status = 413;
      }
      EXPECT_EQ(status, each.status) << (split ? "split" : "whole");
    }
  }
}

// The same through a connection: what is refused is answered with that status, and the connection ends.
TEST(H1Server, RefusesTheTableOverAConnection) {
  for (const H1Case& each : h1_cases()) {
    for (const std::size_t split : {std::size_t{0}, std::size_t{1}}) {
      if (each.bytes.size() > 4096 && split == 1) continue;
      SCOPED_TRACE(each.name);
      const std::string answer = answer_to(each.bytes, split);
      const int expected = each.status == 0 ? 200 : each.status;
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(expected) + " ")) << answer.substr(0, 60);
      if (each.status != 0) EXPECT_NE(answer.find("connection: close"), std::string::npos);
    }
  }
}

TEST(H1Server, AnswersPipelinedRequestsInOrderAndKeepsBodiesApart) {
  const std::string two = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirstPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3;x=y\r\nond\r\n0\r\nTrailer: v\r\n\r\n";
  for (const std::size_t split : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
    const std::string answer = answer_to(two, split);
    const std::size_t first = answer.find("first"), second = answer.find("second");
    ASSERT_NE(first, std::string::npos);
    ASSERT_NE(second, std::string::npos);
    EXPECT_LT(first, second);
    EXPECT_EQ(answer.find("Trailer"), std::string::npos);
  }
}

TEST(H1Server, RefusesBrokenChunks) {
  for (const char* body : {"zz\r\n", "\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3 \r\nabc\r\n", "ffffffffffffffff\r\n", "3;\x01\r\nabc\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\nX: v\n\r\n", "+3\r\nabc\r\n", "0x3\r\nabc\r\n"}) {
    SCOPED_TRACE(body);
    const std::string answer = answer_to(std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") + body, 0);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer.substr(0, 40);
  }
}

TEST(H1Server, RefusesABodyOverTheLimitWhileItComes) {
  Limits limits;
  limits.body_bytes = 8;
  const std::string answer = answer_to("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n", 0, limits);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 "));
}

TEST(H1Server, SaysContinueOnlyWhenTheBodyIsRead) {
  EXPECT_TRUE(answer_to("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", 0).starts_with("HTTP/1.1 100 "));
  EXPECT_TRUE(answer_to("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 0).starts_with("HTTP/1.1 200 "));
}

TEST(H1Server, HeadHasTheLengthAndNoBody) {
  const std::string answer = answer_to("HEAD /page HTTP/1.1\r\nHost: a\r\n\r\n", 0);
  EXPECT_NE(answer.find("content-length: 4"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(H1Server, UnknownPathsMethodsAndSilentServices) {
  EXPECT_TRUE(answer_to("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 0).starts_with("HTTP/1.1 404 "));
  const std::string refused = answer_to("DELETE /page HTTP/1.1\r\nHost: a\r\n\r\n", 0);
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 "));
  EXPECT_NE(refused.find("allow: GET"), std::string::npos);
}

TEST(H1Server, TimeoutsAnswerOrClose) {
  Limits limits;
  limits.header_timeout = Millis(30);
  limits.first_byte_timeout = Millis(30);
  EXPECT_TRUE(answer_to("GET / HT", 0, limits, true).starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(answer_to("", 0, limits, true), "");
}

TEST(H1Response, RefusesDoubtfulAnswers) {
  const Limits limits;
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "ICY 200 OK\r\n\r\n"}) {
    SCOPED_TRACE(bytes);
    const auto head = h1::parse_response(bytes, limits, false);
    ASSERT_FALSE(head);
    EXPECT_TRUE(head.error().is(Errc::bad_gateway));
  }
}

TEST(Router, LongestPrefixWinsAndLabelsHideIdentifiers) {
  Router router;
  const auto answer = [](const char* text) { return Handler([text](Request&) -> Task<Response> { return fixed(text); }); };
  router.route({"GET"}, "/a/*", answer("a"));
  router.route({"GET"}, "/a/b/*", answer("b"));
  router.route({"GET"}, "/a/b/c", answer("c"));
  Request request;
  request.method = "GET";
  for (const auto& [path, label] : {std::pair{"/a/x", "/a/*"}, std::pair{"/a/b/x", "/a/b/*"}, std::pair{"/a/b/c", "/a/b/c"}, std::pair{"/z", "other"}}) {
    request.path = path;
    EXPECT_EQ(router.label(request), label);
  }
}

}  // namespace
}  // namespace openunison::http
