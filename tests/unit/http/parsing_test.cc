// SPDX-License-Identifier: Apache-2.0
//
// The pure parts beside the request table: responses, bodies, shared grammar, the read buffer,
// dates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/date.h"
#include "http/h1/body_decoder.h"
#include "http/h1/head_parser.h"
#include "http/h1/head_writer.h"
#include "http/h1/wire.h"
#include "http/syntax.h"

namespace openunison::http {
namespace {

using h1::Framing;
using ::testing::HasSubstr;

// --- Responses (RFC 9112 §4, §6.3) ---

struct ResponseCase {
  std::string raw;
  bool to_head;
  std::string expected;  // "" for bad_gateway
};

std::string describe(const h1::ParsedResponse& head) {
  static constexpr const char* kFramings[] = {"none", "length", "chunked", "until_close"};
  return std::to_string(head.status) + " " + kFramings[static_cast<int>(head.framing)] + " " +
         std::to_string(head.length) + (head.keep_alive ? " open" : " close");
}

// Whole, or growing byte by byte.
std::string parse_response(const ResponseCase& each, bool split) {
  Limits limits;
  limits.header_bytes = 500;
  limits.header_count = 5;
  h1::ResponseParser parser(limits, each.to_head);
  for (std::size_t size = split ? 0 : each.raw.size(); size <= each.raw.size(); ++size) {
    auto whole = parser.parse(std::string_view(each.raw).substr(0, size));
    if (!whole) {
      EXPECT_TRUE(whole.error().is(Errc::bad_gateway));
      return "";
    }
    if (*whole) return describe(parser.take());
  }
  return "more";
}

TEST(ResponseParser, Table) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const ResponseCase cases[] = {
      {ok + "Content-Length: 5\r\n\r\n", false, "200 length 5 open"},
      {ok + "Content-Length: 0\r\n\r\n", false, "200 none 0 open"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n", false, "200 chunked 0 open"},
      {ok + "\r\n", false, "200 until_close 0 close"},
      {ok + "Content-Length: 5\r\nConnection: close\r\n\r\n", false, "200 length 5 close"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, "200 length 5 close"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", false,
       "200 length 5 open"},
      {"HTTP/1.1 204\r\n\r\n", false, "204 none 0 open"},
      {"HTTP/1.1 204 \r\n\r\n", false, "204 none 0 open"},
      {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", false, "204 none 0 close"},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "304 none 0 open"},
      {"HTTP/1.1 100 Continue\r\n\r\n", false, "100 none 0 open"},
      {ok + "Content-Length: 5\r\n\r\n", true, "200 none 0 open"},
      {ok + "\r\n", true, "200 none 0 open"},
      {"HTTP/1.1 200 caf\xc3\xa9\r\nContent-Length: 1\r\n\r\n", false, "200 length 1 open"},
      {"HTTP/1.1 20", false, "more"},
      {ok + "Content-Length: 5\r\n", false, "more"},
      {"HTTP/2 200\r\n\r\n", false, ""},
      {"HTTP/1.1 2000 OK\r\n\r\n", false, ""},
      {"HTTP/1.1 20x OK\r\n\r\n", false, ""},
      {"HTTP/1.1 099 OK\r\n\r\n", false, ""},
      {"HTTP/1.1 999 OK\r\n\r\n", false, ""},
      {"HTTP/1.1  200 OK\r\n\r\n", false, ""},
      {"HTTP/1.1 200\tOK\r\n\r\n", false, ""},
      {"HTTP/1.1 200 O\x01K\r\n\r\n", false, ""},
      {"ICY 200 OK\r\n\r\n", false, ""},
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", false, ""},
      {"HTTP/1.1 200 OK\n\n", false, ""},
      {ok + "X-A: b\n\r\n", false, ""},
      {ok + "X-A : b\r\n\r\n", false, ""},
      {ok + " folded\r\n\r\n", false, ""},
      {ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", false, ""},
      {ok + "Content-Length: 1, 1\r\n\r\n", false, ""},
      {ok + "Content-Length: 18446744073709551616\r\n\r\n", false, ""},
      {ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false, ""},
      {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", false, ""},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, ""},
      {ok + "X: " + std::string(600, 'a') + "\r\n\r\n", false, ""},
      {ok + "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", false, ""},
      {"HTTP/1.1 200 " + std::string(2000, 'a'), false, ""},
  };
  for (const ResponseCase& each : cases) {
    EXPECT_EQ(parse_response(each, false), each.expected) << each.raw;
    EXPECT_EQ(parse_response(each, true), each.expected) << "split: " << each.raw;
  }
}

TEST(ResponseParser, KeepsContentLengthAndDropsTheConnectionsFields) {
  const Limits limits;
  h1::ResponseParser parser(limits, true);
  const auto whole = parser.parse(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: 1\r\nConnection: keep-alive\r\nX-A: "
      "b\r\n\r\n");
  ASSERT_TRUE(whole && *whole);
  const h1::ParsedResponse head = parser.take();
  ASSERT_EQ(head.headers.fields().size(), 2u);
  EXPECT_EQ(head.headers.get("content-length"), "5");
  EXPECT_EQ(head.headers.get("x-a"), "b");
}

TEST(RequestParser, IsReadyForTheNextHeadAfterTake) {
  const Limits limits;
  h1::RequestParser parser(limits, true);
  const std::string first = "GET https://a.example/1 HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n";
  std::string buffer = first + "POST /2 HTTP/1.0\r\nHost: b.example\r\n\r\n";
  ASSERT_TRUE(parser.parse(buffer).value());
  ASSERT_EQ(parser.consumed(), first.size());
  buffer.erase(0, parser.consumed());
  EXPECT_EQ(parser.take().authority.port, 443);
  ASSERT_TRUE(parser.parse(buffer).value());
  const h1::ParsedRequest second = parser.take();
  EXPECT_EQ(second.method, "POST");
  EXPECT_EQ(second.path, "/2");
  EXPECT_EQ(second.minor, 0);
  EXPECT_EQ(second.authority.host, "b.example");
  EXPECT_TRUE(second.headers.fields().empty());
}

TEST(RequestParser, MessagesNameTheSectionAndNotTheInput) {
  const Limits limits;
  h1::RequestParser parser(limits, true);
  const auto failed = parser.parse("GET /secret/../x HTTP/1.1\r\n");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("RFC 3986 §3.3"));
  EXPECT_EQ(failed.error().message().find("secret"), std::string::npos);
}

// --- Bodies ---

TEST(BodyDecoder, ByLengthTakesNoMore) {
  h1::BodyDecoder decoder(Framing::length, 5);
  auto step = decoder.step("hel");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->data, "hel");
  EXPECT_FALSE(decoder.done());
  EXPECT_EQ(decoder.left(), 2u);
  step = decoder.step("lo, next");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->data, "lo");
  EXPECT_EQ(step->consumed, 2u);
  EXPECT_TRUE(decoder.done());
}

TEST(BodyDecoder, ByChunksTakesNoMore) {
  h1::BodyDecoder decoder(Framing::chunked, 0);
  std::string input = "5\r\nhello\r\n0\r\n\r\nGET /next", body;
  while (!decoder.done()) {
    auto step = decoder.step(input);
    ASSERT_TRUE(step);
    body += step->data;
    input.erase(0, step->consumed);
  }
  EXPECT_EQ(body, "hello");
  EXPECT_EQ(input, "GET /next");
}

TEST(BodyDecoder, NoneAndUntilClose) {
  h1::BodyDecoder none(Framing::none, 0);
  EXPECT_TRUE(none.done());
  EXPECT_EQ(none.step("x")->consumed, 0u);
  h1::BodyDecoder open(Framing::until_close, 0);
  EXPECT_EQ(open.step("abc")->data, "abc");
  EXPECT_FALSE(open.done());
}

// --- Shared grammar ---

TEST(Syntax, Tokens) {
  for (const char* good : {"a", "X-Y_z", "!#$%&'*+-.^_`|~09"}) EXPECT_TRUE(is_token(good)) << good;
  for (const char* bad : {"",  " ", "a b", "a:", "a\t", "\"", "(", ")", ",", "/",    ";",       "<",
                          "=", ">", "?",   "@",  "[",   "\\", "]", "{", "}", "\x7f", "\xc3\xa9"}) {
    EXPECT_FALSE(is_token(bad)) << bad;
  }
}

TEST(Syntax, FieldValuesHaveNoControlBytesButTab) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool control = byte < 0x20 || byte == 0x7f;
    EXPECT_EQ(is_field_value(std::string(1, static_cast<char>(byte))), !control || byte == '\t')
        << byte;
  }
}

TEST(Syntax, TokenLists) {
  EXPECT_EQ(parse_token_list("Close"), (std::vector<std::string>{"close"}));
  EXPECT_EQ(parse_token_list("a ,\tB,c"), (std::vector<std::string>{"a", "b", "c"}));
  for (const char* bad : {"", ",", "a,", ",a", "a,,b", "a b", "a;b"})
    EXPECT_FALSE(parse_token_list(bad)) << bad;
}

TEST(Syntax, Decimals) {
  EXPECT_EQ(parse_decimal("0"), 0u);
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", "-1", "+1", " 1", "1 ", "1a", "18446744073709551616", "18446744073709551619",
        "28446744073709551615", "000000000000000000001"}) {
    EXPECT_FALSE(parse_decimal(bad)) << bad;
  }
}

TEST(Syntax, AuthoritiesKeepWhatWasGiven) {
  EXPECT_EQ(parse_authority("A.example", true)->text(), "a.example");
  EXPECT_EQ(parse_authority("a.example", true)->port, 443);
  EXPECT_EQ(parse_authority("a.example", false)->port, 80);
  EXPECT_EQ(parse_authority("[2001:DB8::1]:1", true)->text(), "[2001:db8::1]:1");
  EXPECT_EQ(parse_authority("[2001:DB8::1]", true)->host, "2001:db8::1");
  EXPECT_TRUE(parse_authority("a.example.", true));
  EXPECT_FALSE(parse_authority(std::string(255, 'a'), true));
}

TEST(Syntax, EveryByteOfPathsAndQueries) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool printable = byte > 0x20 && byte < 0x7f;
    const bool in_query = printable && std::string_view("#\"<>").find(c) == std::string_view::npos;
    const bool in_path = in_query && std::string_view("?\\`{}%").find(c) == std::string_view::npos;
    EXPECT_EQ(check_query(std::string("a") + c).has_value(), in_query) << byte;
    EXPECT_EQ(check_path(std::string("/a") + c).has_value(), in_path) << byte;
  }
}

// --- The read buffer ---

TEST(ReadBuffer, GrowsMovesAndGivesBack) {
  h1::ReadBuffer buffer;
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.append("hello");
  buffer.append(std::string(100, 'x'));
  EXPECT_EQ(buffer.view().substr(0, 6), "hellox");
  buffer.consume(5);
  buffer.release();  // not empty: keeps
  EXPECT_EQ(buffer.view(), std::string(100, 'x'));
  const std::size_t capacity = buffer.capacity();
  ASSERT_GE(buffer.prepare(5).size(), 5u);
  EXPECT_EQ(buffer.capacity(), capacity);  // there was room at the front
  EXPECT_EQ(buffer.view(), std::string(100, 'x'));
  buffer.consume(100);
  EXPECT_TRUE(buffer.empty());
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
}

// --- Writing ---

TEST(HttpDate, ImfFixdate) {
  EXPECT_EQ(format_http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_http_date(1709210096), "Thu, 29 Feb 2024 12:34:56 GMT");
  EXPECT_EQ(http_date().size(), 29u);
}

TEST(HeadWriter, WritesWhatIsAsked) {
  std::string out;
  append_response_head(out, {299, {{"x-a", "b"}}}, Framing::length, 5, h1::ConnectionField::close);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 299 \r\nx-a: b\r\ndate: ")) << out;
  EXPECT_TRUE(out.ends_with("\r\ncontent-length: 5\r\nconnection: close\r\n\r\n")) << out;
}

}  // namespace
}  // namespace openunison::http
