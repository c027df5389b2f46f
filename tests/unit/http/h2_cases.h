// SPDX-License-Identifier: Apache-2.0
//
// The table of what a client can send on an HTTP/2 connection, right and wrong, with what must come
// of it. Run through whole connections, the bytes whole and one by one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "case_limits.h"
#include "h2_frames.h"

namespace openunison::http::testing {

// What MirrorService answers with on one stream, or how the stream or the connection ended.
struct H2Outcome {
  int status = 0;
  std::string summary;                   // of a 200
  std::optional<std::uint32_t> reset;    // the stream
  std::optional<std::uint32_t> go_away;  // the connection, with an error
  bool closed = false;                   // without a word
  bool operator==(const H2Outcome&) const = default;
};

struct H2Case {
  std::string name, section;
  std::string bytes;  // the whole of what the client sends
  H2Outcome expected;
  std::int32_t stream = 1;  // the one that is looked at
};

inline H2Outcome answered(int status, std::string summary = "") {
  return {status, std::move(summary), {}, {}, false};
}
inline H2Outcome mirrored(std::string what = "GET / example.com []") {
  return answered(200, std::move(what));
}
inline H2Outcome resets(std::uint32_t code = kProtocolError) {
  return {0, "", code, {}, false};
}
inline H2Outcome leaves(std::uint32_t code = kProtocolError) {
  return {0, "", {}, code, false};
}

inline std::string after_preface(const std::string& frames) {
  return preface() + frames;
}
// A head on stream 1 with these fields and nothing else.
inline std::string head_of(const FieldList& list) {
  return preface() + headers(1, list);
}
// A GET with a field more.
inline std::string with(std::string name, std::string value) {
  return head_of(request_fields({{std::move(name), std::move(value)}}));
}
inline std::string target(std::string path) {
  return preface() + h2_get(1, std::move(path));
}
inline std::string authority(std::string value, FieldList more = {}) {
  FieldList list = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", std::move(value)}, {":path", "/"}};
  for (auto& each : more) list.push_back(std::move(each));
  return head_of(list);
}
// A POST with "hello", its last frame ending it, and a field more.
inline std::string post_hello(FieldList more) {
  return preface() + h2_post(1, std::move(more)) + data(1, "hello", true);
}
// A POST whose body is followed by such trailers.
inline std::string trailers(const FieldList& list, bool ends = true) {
  return preface() + h2_post(1) + data(1, "hello") + headers(1, list, ends);
}
inline const std::string kHello = "POST / example.com [hello]";

inline std::vector<H2Case> h2_good_cases() {
  const std::string block = fields(request_fields());
  const std::string padding(7, '\0');
  return {
      {"plain get", "RFC 9113 §8.1", target("/"), mirrored()},
      {"query", "RFC 9113 §8.3.1", target("/a?b=c"), mirrored("GET /a?b=c example.com []")},
      {"host for authority", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "example.com"}}),
       mirrored()},
      {"host the same as authority", "RFC 9113 §8.3.1", with("host", "EXAMPLE.com"), mirrored()},
      {"port in authority", "RFC 9113 §8.3.1", authority("example.com:8443"),
       mirrored("GET / example.com:8443 []")},
      {"unknown method", "RFC 9110 §9.1", head_of(request_fields({}, "BREW", "/pot")),
       mirrored("BREW /pot example.com []")},
      {"options of everything", "RFC 9110 §9.3.7", head_of(request_fields({}, "OPTIONS", "*")),
       mirrored("OPTIONS * example.com []")},
      {"body", "RFC 9113 §8.1", post_hello({}), mirrored(kHello)},
      {"body with its length", "RFC 9113 §8.1.1", post_hello({{"content-length", "5"}}),
       mirrored(kHello)},
      {"body in pieces", "RFC 9113 §6.1",
       after_preface(h2_post(1) + data(1, "he") + data(1, "ll") + data(1, "o") + data(1, "", true)),
       mirrored(kHello)},
      {"body padded", "RFC 9113 §6.1",
       after_preface(h2_post(1) + frame(kData, kPadded | kEndStream, 1, "\x07hello" + padding)),
       mirrored(kHello)},
      {"head padded", "RFC 9113 §6.2",
       after_preface(
           frame(kHeaders, kPadded | kEndHeaders | kEndStream, 1, "\x07" + block + padding)),
       mirrored()},
      {"head with a priority", "RFC 9113 §5.3.2",
       after_preface(frame(kHeaders, kPriorityFlag | kEndHeaders | kEndStream, 1,
                           big_endian(0, 4) + "\x10" + block)),
       mirrored()},
      {"head in three frames", "RFC 9113 §6.10",
       after_preface(frame(kHeaders, kEndStream, 1, block.substr(0, 5)) +
                     frame(kContinuation, kNone, 1, block.substr(5, 1)) +
                     frame(kContinuation, kEndHeaders, 1, block.substr(6))),
       mirrored()},
      {"trailers are dropped", "RFC 9113 §8.1", trailers({{"x-sum", "1"}}), mirrored(kHello)},
      {"trailers alone", "RFC 9113 §8.1", after_preface(h2_post(1) + headers(1, {{"x-sum", "1"}})),
       mirrored("POST / example.com []")},
      {"te trailers", "RFC 9113 §8.2.2", with("te", "trailers"), mirrored()},
      {"expect continue", "RFC 9110 §10.1.1", post_hello({{"expect", "100-continue"}}),
       mirrored(kHello)},
      {"tab within a value", "RFC 9110 §5.5", with("x", "a\tb"), mirrored()},
      {"bytes over 127 in a value", "RFC 9110 §5.5", with("x", "\xc3\xa9"), mirrored()},
      {"empty value", "RFC 9110 §5.5", with("x", ""), mirrored()},
      {"unknown frame", "RFC 9113 §5.5",
       after_preface(frame(0x99, 0xff, 1, "anything") + h2_get(1)), mirrored()},
      {"priority update", "RFC 9218 §7.1",
       after_preface(frame(0x10, 0, 0, big_endian(1, 4) + "u=1") + h2_get(1)), mirrored()},
      {"unknown flags", "RFC 9113 §4.1",
       after_preface(frame(kHeaders, 0xd2 | kEndHeaders | kEndStream, 1, block)), mirrored()},
      {"reserved bit of the stream", "RFC 9113 §4.1",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 0x80000001, block)), mirrored()},
      {"unknown setting", "RFC 9113 §6.5.2", magic() + settings({{0x99, 7}}) + h2_get(1),
       mirrored()},
      {"priority before its stream", "RFC 9113 §5.3.2",
       after_preface(frame(kPriority, kNone, 3, big_endian(0, 4) + "\x10") + h2_get(1)),
       mirrored()},
      {"streams with gaps", "RFC 9113 §5.1.1", after_preface(h2_get(1) + h2_get(9) + h2_get(0x51)),
       mirrored(), 0x51},
      {"updates of windows", "RFC 9113 §6.9",
       after_preface(window_update(0, 1000) + h2_get(1) + window_update(1, 1000)), mirrored()},
      {"update of a closed stream's window", "RFC 9113 §5.1",
       after_preface(h2_get(1) + reset(1) + window_update(1, 5) + h2_get(3)), mirrored(), 3},
      {"reset of a closed stream", "RFC 9113 §5.1",
       after_preface(h2_get(1) + reset(1) + reset(1) + h2_get(3)), mirrored(), 3},
      {"goes on after a refused head", "RFC 9113 §5.4.2",
       after_preface(headers(1, request_fields({{"X", "a"}})) + h2_get(3)), mirrored(), 3},
      {"body of a refused head", "RFC 9113 §5.1",
       after_preface(h2_post(1, {{"X", "a"}}) + data(1, "hello", true) + h2_get(3)), mirrored(), 3},
      {"trailers of a refused head", "RFC 9113 §5.1",
       after_preface(h2_post(1, {{"X", "a"}}) + data(1, "hello") + headers(1, {{"a", "b"}}) +
                     h2_get(3)),
       mirrored(), 3},
      {"cancelled before its body came", "RFC 9113 §6.4",
       after_preface(h2_post(1) + reset(1) + h2_get(3)), mirrored(), 3},
      {"fields of the dynamic table", "RFC 7541 §6.1",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1,
                           block + "\x40" + hpack_string("x-a") + hpack_string("b") + "\xbe")),
       mirrored()},
      {"table made small", "RFC 7541 §4.2",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1, "\x20" + block)), mirrored()},
      {"goaway of the client", "RFC 9113 §6.8", after_preface(h2_get(1) + go_away(0)), mirrored()},
  };
}

inline std::vector<H2Case> h2_pseudo_cases() {
  return {
      {"no method", "RFC 9113 §8.3.1",
       head_of({{":scheme", "http"}, {":authority", "example.com"}, {":path", "/"}}), resets()},
      {"no scheme", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"}, {":authority", "example.com"}, {":path", "/"}}), resets()},
      {"no path", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":authority", "example.com"}}), resets()},
      {"no authority and no host", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}), resets()},
      {"no fields at all", "RFC 9113 §8.3.1", head_of({}), resets()},
      {"empty path", "RFC 9113 §8.3.1", target(""), resets()},
      {"empty method", "RFC 9113 §8.3.1", head_of(request_fields({}, "")), resets()},
      {"empty authority", "RFC 9113 §8.3.1", authority(""), resets()},
      {"two methods", "RFC 9113 §8.3", with(":method", "GET"), resets()},
      {"two schemes", "RFC 9113 §8.3", with(":scheme", "http"), resets()},
      {"two paths", "RFC 9113 §8.3", with(":path", "/"), resets()},
      {"two authorities", "RFC 9113 §8.3", with(":authority", "example.com"), resets()},
      {"pseudo-field after a field", "RFC 9113 §8.3",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {"x", "a"},
                {":authority", "example.com"}}),
       resets()},
      {"unknown pseudo-field", "RFC 9113 §8.3",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "example.com"},
                {":foo", "a"}}),
       resets()},
      {"pseudo-field of an answer", "RFC 9113 §8.3",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "example.com"},
                {":status", "200"}}),
       resets()},
      {"pseudo-field in upper case", "RFC 9113 §8.2.1",
       head_of({{":Method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "example.com"}}),
       resets()},
      {"method is no token", "RFC 9110 §9.1", head_of(request_fields({}, "GE T")), resets()},
      {"method with a line", "RFC 9110 §9.1", head_of(request_fields({}, "GET / HTTP/1.1\r\nX:")),
       resets()},
      {"method in lower case", "RFC 9110 §9.1", head_of(request_fields({}, "get")), answered(501)},
      {"connect", "RFC 9113 §8.5",
       head_of({{":method", "CONNECT"}, {":authority", "example.com:443"}}), answered(501)},
      {"connect with a path", "RFC 9113 §8.5", head_of(request_fields({}, "CONNECT")), resets()},
      {"protocol without connect", "RFC 8441 §4",
       head_of({{":method", "GET"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "example.com"},
                {":protocol", "websocket"}}),
       resets()},
      {"connect to a protocol with a length", "RFC 9110 §9.3.6",
       after_preface(headers(1,
                             {{":method", "CONNECT"},
                              {":scheme", "http"},
                              {":path", "/"},
                              {":authority", "example.com"},
                              {":protocol", "websocket"},
                              {"content-length", "5"}},
                             false)),
       answered(400)},
      {"connect to what is no token", "RFC 8441 §4",
       head_of({{":method", "CONNECT"},
                {":scheme", "http"},
                {":path", "/"},
                {":authority", "example.com"},
                {":protocol", "a b"}}),
       answered(400)},
      {"connect to a protocol without path", "RFC 8441 §4",
       head_of({{":method", "CONNECT"},
                {":scheme", "http"},
                {":authority", "example.com"},
                {":protocol", "websocket"}}),
       resets()},
      {"another scheme", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"},
                {":scheme", "https"},
                {":authority", "example.com"},
                {":path", "/"}}),
       answered(400)},
      {"scheme of no meaning", "RFC 9113 §8.3.1",
       head_of(
           {{":method", "GET"}, {":scheme", "ftp"}, {":authority", "example.com"}, {":path", "/"}}),
       answered(400)},
      {"scheme that is none", "RFC 9113 §8.3.1",
       head_of({{":method", "GET"},
                {":scheme", "ht tp"},
                {":authority", "example.com"},
                {":path", "/"}}),
       resets()},
  };
}

inline std::vector<H2Case> h2_target_cases() {
  return {
      {"host of another", "RFC 9113 §8.3.1", with("host", "evil.example"), answered(400)},
      {"host with another port", "RFC 9113 §8.3.1", with("host", "example.com:81"), answered(400)},
      {"two hosts", "RFC 9110 §7.2",
       head_of(request_fields({{"host", "example.com"}, {"host", "example.com"}})), resets()},
      {"host with userinfo", "RFC 9113 §8.3.1", with("host", "a@example.com"), answered(400)},
      {"userinfo", "RFC 9113 §8.3.1", authority("user@example.com"), answered(400)},
      {"userinfo with a password", "RFC 9113 §8.3.1", authority("u:p@example.com"), answered(400)},
      {"path in authority", "RFC 3986 §3.2", authority("example.com/a"), resets()},
      {"comma in authority", "RFC 3986 §3.2", authority("example.com,evil.example"), answered(400)},
      {"space in authority", "RFC 3986 §3.2", authority("example.com evil"), resets()},
      {"line in authority", "RFC 3986 §3.2", authority("example.com\r\nx: y"), resets()},
      {"port of no number", "RFC 3986 §3.2.3", authority("example.com:a"), answered(400)},
      {"port too large", "RFC 3986 §3.2.3", authority("example.com:65536"), answered(400)},
      {"port zero", "RFC 3986 §3.2.3", authority("example.com:0"), answered(400)},
      {"empty port", "RFC 3986 §3.2.3", authority("example.com:"), answered(400)},
      {"empty label", "RFC 1123 §2.1", authority("example..com"), answered(400)},
      {"escape in the host", "RFC 3986 §3.2.2", authority("ex%61mple.com"), answered(400)},
      {"no slash", "RFC 9113 §8.3.1", target("a"), resets()},
      {"whole address as path", "RFC 9113 §8.3.1", target("http://example.com/"), resets()},
      {"empty segment", "RFC 3986 §3.3", target("/a//b"), answered(400)},
      {"dot segments", "RFC 3986 §3.3", target("/a/../b"), answered(400)},
      {"encoded dot segments", "RFC 3986 §3.3", target("/a/%2e%2E/b"), answered(400)},
      {"backslash", "RFC 3986 §3.3", target("/a\\b"), answered(400)},
      {"fragment", "RFC 3986 §3.5", target("/a#b"), answered(400)},
      {"broken escape", "RFC 3986 §2.1", target("/a%2"), answered(400)},
      {"encoded nul", "RFC 3986 §2.1", target("/a%00"), answered(400)},
      {"space", "RFC 3986 §3.3", target("/a b"), resets()},
      {"line in the path", "RFC 9113 §8.2.1", target("/ HTTP/1.1\r\nhost: b"), resets()},
      {"byte over 127", "RFC 3986 §3.3", target("/\xc3\xa9"), answered(400)},
      {"space in the query", "RFC 3986 §3.4", target("/?a b"), resets()},
      {"everything, but with get", "RFC 9112 §3.2.4", target("*"), resets()},
      {"target too long", "RFC 9110 §15.5.15", target("/" + std::string(200, 'a')), answered(414)},
      {"target as long as allowed", "RFC 9110 §15.5.15", target("/" + std::string(199, 'a')),
       mirrored("GET /" + std::string(199, 'a') + " example.com []")},
  };
}

inline std::vector<H2Case> h2_field_cases() {
  std::vector<H2Case> cases = {
      {"carriage return in a value", "RFC 9113 §8.2.1", with("x", "a\rb"), resets()},
      {"line feed in a value", "RFC 9113 §8.2.1", with("x", "a\nb"), resets()},
      {"a second head in a value", "RFC 9113 §10.3", with("x", "a\r\nx-admin: 1"), resets()},
      {"nul in a value", "RFC 9113 §8.2.1", with("x", std::string("a\0b", 3)), resets()},
      {"control byte in a value", "RFC 9110 §5.5", with("x", "a\x01"), resets()},
      {"delete in a value", "RFC 9110 §5.5", with("x", "a\x7f"), resets()},
      {"leading space in a value", "RFC 9113 §8.2.1", with("x", " a"), resets()},
      {"trailing space in a value", "RFC 9113 §8.2.1", with("x", "a "), resets()},
      {"leading tab in a value", "RFC 9113 §8.2.1", with("x", "\ta"), resets()},
      {"trailing tab in a value", "RFC 9113 §8.2.1", with("x", "a\t"), resets()},
      {"name in upper case", "RFC 9113 §8.2.1", with("X-Forwarded-For", "::1"), resets()},
      {"impersonation in upper case", "RFC 9113 §8.2.1", with("Impersonate-User", "a"), resets()},
      {"empty name", "RFC 9113 §8.2.1", with("", "a"), resets()},
      {"space in a name", "RFC 9113 §8.2.1", with("x y", "a"), resets()},
      {"space after a name", "RFC 9113 §8.2.1", with("impersonate-user ", "a"), resets()},
      {"colon in a name", "RFC 9113 §8.2.1", with("x:y", "a"), resets()},
      {"line in a name", "RFC 9113 §8.2.1", with("x\r\ny", "a"), resets()},
      {"nul in a name", "RFC 9113 §8.2.1", with(std::string("x\0", 2), "a"), resets()},
      {"byte over 127 in a name", "RFC 9113 §8.2.1", with("x\xc3", "a"), resets()},
      {"connection", "RFC 9113 §8.2.2", with("connection", "close"), resets()},
      {"connection that names a field", "RFC 9113 §8.2.2", with("connection", "x-forwarded-for"),
       resets()},
      {"keep-alive", "RFC 9113 §8.2.2", with("keep-alive", "timeout=5"), resets()},
      {"proxy-connection", "RFC 9113 §8.2.2", with("proxy-connection", "close"), resets()},
      {"upgrade", "RFC 9113 §8.2.2", with("upgrade", "websocket"), resets()},
      {"transfer-encoding", "RFC 9113 §8.2.2", post_hello({{"transfer-encoding", "chunked"}}),
       resets()},
      {"transfer-encoding identity", "RFC 9113 §8.2.2", with("transfer-encoding", "identity"),
       resets()},
      {"te of another coding", "RFC 9113 §8.2.2", with("te", "gzip"), resets()},
      {"te of two", "RFC 9113 §8.2.2", with("te", "trailers, gzip"), resets()},
      {"unknown expectation", "RFC 9110 §10.1.1", with("expect", "a"), answered(400)},
      {"too many fields", "RFC 6585 §5",
       preface() + headers(1, request_fields(FieldList(21, {"x", "a"}))), answered(431)},
      {"as many fields as allowed", "RFC 6585 §5",
       preface() + headers(1, request_fields(FieldList(20, {"x", "a"}))), mirrored()},
      {"fields too large", "RFC 6585 §5", with("x", std::string(1300, 'a')), answered(431)},
      {"fields far too large", "RFC 9113 §10.5.1", with("x", std::string(6000, 'a')),
       leaves(kEnhanceYourCalm)},
  };
  const auto length = [&cases](const char* name, FieldList list, H2Outcome expected) {
    cases.push_back({name, "RFC 9113 §8.1.1", post_hello(std::move(list)), expected});
  };
  length("length too large", {{"content-length", "6"}}, resets());
  length("length too small", {{"content-length", "4"}}, resets());
  length("length zero", {{"content-length", "0"}}, resets());
  length("length with a sign", {{"content-length", "+5"}}, resets());
  length("length below zero", {{"content-length", "-5"}}, resets());
  length("length in hexadecimal", {{"content-length", "0x5"}}, resets());
  length("length with a comma", {{"content-length", "5, 5"}}, resets());
  length("empty length", {{"content-length", ""}}, resets());
  length("length past 64 bits", {{"content-length", "18446744073709551621"}}, resets());
  length("two equal lengths", {{"content-length", "5"}, {"content-length", "5"}}, resets());
  length("two lengths", {{"content-length", "5"}, {"content-length", "6"}}, resets());
  cases.push_back({"length over the limit", "RFC 9110 §15.5.14",
                   after_preface(h2_post(1, {{"content-length", "1001"}})), answered(413)});
  cases.push_back({"length of nothing", "RFC 9113 §8.1.1", with("content-length", "5"), resets()});
  cases.push_back(
      {"length zero of nothing", "RFC 9113 §8.1.1", with("content-length", "0"), mirrored()});
  cases.push_back(
      {"length passed by the second frame", "RFC 9113 §8.1.1",
       after_preface(h2_post(1, {{"content-length", "5"}}) + data(1, "hel") + data(1, "lo!", true)),
       resets()});
  cases.push_back({"body over the limit", "RFC 9110 §15.5.14",
                   after_preface(h2_post(1) + data(1, std::string(1001, 'a'), true)),
                   answered(413)});
  cases.push_back(
      {"trailers with a pseudo-field", "RFC 9113 §8.1", trailers({{":path", "/b"}}), resets()});
  cases.push_back(
      {"trailers that don't end", "RFC 9113 §8.1", trailers({{"a", "b"}}, false), resets()});
  cases.push_back({"trailers in upper case", "RFC 9113 §8.2.1", trailers({{"A", "b"}}), resets()});
  cases.push_back({"trailers with a line", "RFC 9113 §8.2.1", trailers({{"a", "b\nc"}}), resets()});
  cases.push_back({"trailers of a connection", "RFC 9113 §8.2.2",
                   trailers({{"connection", "close"}}), resets()});
  cases.push_back({"trailers before the announced end", "RFC 9113 §8.1.1",
                   after_preface(h2_post(1, {{"content-length", "9"}}) + data(1, "hello") +
                                 headers(1, {{"a", "b"}})),
                   resets()});
  return cases;
}

inline std::vector<H2Case> h2_stream_cases() {
  const std::string block = fields(request_fields());
  return {
      {"stream of a server", "RFC 9113 §5.1.1", after_preface(h2_get(2)), leaves()},
      {"head on stream zero", "RFC 9113 §6.2", after_preface(h2_get(0)), leaves()},
      {"smaller stream, never opened", "RFC 9113 §5.1.1", after_preface(h2_get(5) + h2_get(3)),
       leaves(), 3},
      {"same stream again", "RFC 9113 §5.1", after_preface(h2_get(1) + h2_get(1)),
       leaves(kStreamClosed), 3},
      {"head after the client's reset", "RFC 9113 §5.1",
       after_preface(h2_post(1) + reset(1) + h2_get(1)), leaves(kStreamClosed), 3},
      {"data after the client's reset", "RFC 9113 §5.1",
       after_preface(h2_post(1) + reset(1) + data(1, "a")), leaves(kStreamClosed), 3},
      {"data after the end", "RFC 9113 §5.1", after_preface(h2_get(1) + data(1, "a", true)),
       leaves(kStreamClosed), 3},
      {"data after trailers", "RFC 9113 §5.1", trailers({{"a", "b"}}) + data(1, "a"),
       leaves(kStreamClosed), 3},
      {"data on an idle stream", "RFC 9113 §5.1", after_preface(data(1, "a")), leaves()},
      {"data on stream zero", "RFC 9113 §6.1", after_preface(data(0, "a")), leaves()},
      {"reset of an idle stream", "RFC 9113 §6.4", after_preface(reset(1)), leaves()},
      {"reset of stream zero", "RFC 9113 §6.4", after_preface(reset(0)), leaves()},
      {"window of an idle stream", "RFC 9113 §6.9", after_preface(window_update(1, 1)), leaves()},
      {"window of the connection by nothing", "RFC 9113 §6.9", after_preface(window_update(0, 0)),
       leaves()},
      {"window of the connection too large", "RFC 9113 §6.9.1",
       after_preface(window_update(0, 0x7fffffff)), leaves(kFlowControlError)},
      {"window of a stream by nothing", "RFC 9113 §6.9",
       after_preface(h2_post(1) + window_update(1, 0)), leaves(), 3},
      {"window of a stream too large", "RFC 9113 §6.9.1",
       after_preface(h2_post(1) + window_update(1, 0x7fffffff)), resets(kFlowControlError)},
      {"priority of stream zero", "RFC 9113 §6.3",
       after_preface(frame(kPriority, kNone, 0, big_endian(1, 4) + "\x10")), leaves()},
      {"priority on itself", "RFC 7540 §5.3.1",
       after_preface(frame(kPriority, kNone, 1, big_endian(1, 4) + "\x10")), leaves()},
      {"head that depends on itself", "RFC 7540 §5.3.1",
       after_preface(frame(kHeaders, kPriorityFlag | kEndHeaders | kEndStream, 1,
                           big_endian(1, 4) + "\x10" + block)),
       leaves()},
      {"promise of a client", "RFC 9113 §8.4",
       after_preface(h2_post(1) + frame(kPushPromise, kEndHeaders, 1, big_endian(2, 4) + block)),
       leaves(), 3},
      {"goaway on a stream", "RFC 9113 §6.8",
       after_preface(frame(kGoAway, kNone, 1, big_endian(0, 8))), leaves()},
      {"ping on a stream", "RFC 9113 §6.7", after_preface(frame(kPing, kNone, 1, "12345678")),
       leaves()},
      {"settings on a stream", "RFC 9113 §6.5", after_preface(frame(kSettings, kNone, 1)),
       leaves()},
  };
}

inline std::vector<H2Case> h2_frame_cases() {
  const std::string block = fields(request_fields());
  const std::string open_head = frame(kHeaders, kEndStream, 1, block.substr(0, 5));
  return {
      {"no preface", "RFC 9113 §3.4", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", {0, "", {}, {}, true}},
      {"preface that is wrong at its end",
       "RFC 9113 §3.4",
       "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX" + settings(),
       {0, "", {}, {}, true}},
      {"ping for settings", "RFC 9113 §3.4", magic() + ping(), leaves()},
      {"acknowledgement for settings", "RFC 9113 §3.4", magic() + frame(kSettings, kAck, 0),
       leaves()},
      {"frame too large", "RFC 9113 §4.2", after_preface(big_endian(16385, 3) + big_endian(0, 6)),
       leaves(kFrameSizeError)},
      {"data too large", "RFC 9113 §4.2",
       after_preface(h2_post(1) + data(1, std::string(16385, 'a'))), leaves(kFrameSizeError), 3},
      {"ping of seven bytes", "RFC 9113 §6.7", after_preface(ping("1234567")),
       leaves(kFrameSizeError)},
      {"ping of nine bytes", "RFC 9113 §6.7", after_preface(ping("123456789")),
       leaves(kFrameSizeError)},
      {"reset of three bytes", "RFC 9113 §6.4",
       after_preface(h2_post(1) + frame(kRstStream, kNone, 1, "abc")), leaves(kFrameSizeError), 3},
      {"window update of five bytes", "RFC 9113 §6.9",
       after_preface(frame(kWindowUpdate, kNone, 0, "abcde")), leaves(kFrameSizeError)},
      {"goaway of seven bytes", "RFC 9113 §6.8", after_preface(frame(kGoAway, kNone, 0, "1234567")),
       leaves(kFrameSizeError)},
      {"priority of four bytes", "RFC 9113 §6.3",
       after_preface(h2_post(1) + frame(kPriority, kNone, 1, "abcd")), leaves(kFrameSizeError), 3},
      {"settings of five bytes", "RFC 9113 §6.5",
       after_preface(frame(kSettings, kNone, 0, "abcde")), leaves(kFrameSizeError)},
      {"acknowledgement with settings", "RFC 9113 §6.5",
       after_preface(frame(kSettings, kAck, 0, std::string(6, '\0'))), leaves(kFrameSizeError)},
      {"acknowledgement of nothing", "RFC 9113 §6.5.3",
       after_preface(frame(kSettings, kAck, 0) + frame(kSettings, kAck, 0)), leaves()},
      {"push of two", "RFC 9113 §6.5.2", after_preface(settings({{2, 2}})), leaves()},
      {"initial window too large", "RFC 9113 §6.5.2", after_preface(settings({{4, 0x80000000}})),
       leaves(kFlowControlError)},
      {"frame size too small", "RFC 9113 §6.5.2", after_preface(settings({{5, 16383}})), leaves()},
      {"frame size too large", "RFC 9113 §6.5.2", after_preface(settings({{5, 0x1000000}})),
       leaves()},
      {"many settings in a frame", "RFC 9113 §10.5",
       after_preface(settings(std::vector<std::pair<std::uint16_t, std::uint32_t>>(40, {1, 4096}))),
       leaves(kEnhanceYourCalm)},
      {"padding of data too long", "RFC 9113 §6.1",
       after_preface(h2_post(1) + frame(kData, kPadded, 1, "\x06test")), leaves(), 3},
      {"padding without its length", "RFC 9113 §6.1",
       after_preface(h2_post(1) + frame(kData, kPadded, 1)), leaves(), 3},
      {"padding of a head too long", "RFC 9113 §6.2",
       after_preface(frame(kHeaders, kPadded | kEndHeaders | kEndStream, 1, "\xff" + block)),
       leaves()},
      {"continuation of nothing", "RFC 9113 §6.10",
       after_preface(frame(kContinuation, kEndHeaders, 1, block)), leaves()},
      {"continuation of what had ended", "RFC 9113 §6.10",
       after_preface(h2_get(1) + frame(kContinuation, kEndHeaders, 1, block)), leaves(), 3},
      {"continuation of another stream", "RFC 9113 §6.10",
       after_preface(open_head + frame(kContinuation, kEndHeaders, 3, block.substr(5))), leaves()},
      {"data inside of a head", "RFC 9113 §6.10", after_preface(open_head + data(1, "a")),
       leaves()},
      {"ping inside of a head", "RFC 9113 §6.10", after_preface(open_head + ping()), leaves()},
      {"another head inside of a head", "RFC 9113 §6.10", after_preface(open_head + h2_get(3)),
       leaves()},
      {"unknown frame inside of a head", "RFC 9113 §5.5",
       after_preface(open_head + frame(0x99, 0, 1)), leaves()},
      {"field of no table entry", "RFC 7541 §2.3.3",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1, block + "\xbe")),
       leaves(kCompressionError)},
      {"field zero", "RFC 7541 §6.1",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1, block + "\x80")),
       leaves(kCompressionError)},
      {"field that is cut", "RFC 7541 §5.2",
       after_preface(
           frame(kHeaders, kEndHeaders | kEndStream, 1, block + std::string("\0\x05", 2) + "ab")),
       leaves(kCompressionError)},
      {"huffman code of its end", "RFC 7541 §5.2",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1,
                           block + std::string("\0\x01x\x84", 4) + "\xff\xff\xff\xff")),
       leaves(kCompressionError)},
      {"integer without end", "RFC 7541 §5.1",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1,
                           block + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
       leaves(kCompressionError)},
      {"table larger than allowed", "RFC 7541 §6.3",
       after_preface(
           frame(kHeaders, kEndHeaders | kEndStream, 1, hpack_integer(0x20, 5, 4097) + block)),
       leaves(kCompressionError)},
      {"table changed after a field", "RFC 7541 §4.2",
       after_preface(frame(kHeaders, kEndHeaders | kEndStream, 1, block + "\x20")),
       leaves(kCompressionError)},
  };
}

inline std::vector<H2Case> all_h2_cases() {
  std::vector<H2Case> all;
  for (auto&& group : {h2_good_cases(), h2_pseudo_cases(), h2_target_cases(), h2_field_cases(),
                       h2_stream_cases(), h2_frame_cases()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace openunison::http::testing
