// SPDX-License-Identifier: Apache-2.0
//
// Requests as bytes and what becomes of them: one table for the parser alone and for a whole
// connection, each run whole and split at every byte.
#pragma once

#include <string>
#include <vector>

#include "http/limits.h"

namespace openunison::http::testing {

struct Case {
  std::string name;
  std::string section;  // RFC and section, or the attack's name
  std::string raw;
  int status;           // 200: accepted; 0: more bytes are needed
  std::string summary;  // of what is accepted: METHOD path[?query] authority [body]
};

// Small, so that the cases over them are small.
inline Limits case_limits() {
  Limits limits;
  limits.target_bytes = 200;
  limits.header_bytes = 1200;
  limits.header_count = 20;
  limits.body_bytes = 1000;
  return limits;
}

inline const std::string kHost = "Host: example.com\r\n";

inline std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\n" + kHost + "\r\n";
}
inline std::string with_host(const std::string& host) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
inline std::string with_line(const std::string& line) {
  return "GET / HTTP/1.1\r\n" + kHost + line + "\r\n\r\n";
}
inline std::string post(const std::string& fields, const std::string& body) {
  return "POST /p HTTP/1.1\r\n" + kHost + fields + "\r\n" + body;
}
inline std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
inline std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

inline const std::string kOk = "GET / example.com []";
inline const std::string kPosted = "POST /p example.com [hello]";
inline const std::string kChunks = "5\r\nhello\r\n0\r\n\r\n";

inline std::vector<Case> request_line_cases() {
  const std::string rest = "\r\n" + kHost + "\r\n";
  return {
      {"plain get", "RFC 9112 §3", get("/"), 200, kOk},
      {"http 1.0", "RFC 9112 §2.3", "GET / HTTP/1.0" + rest, 200, kOk},
      {"unknown method", "RFC 9110 §9.1", "BREW /pot HTTP/1.1" + rest, 200,
       "BREW /pot example.com []"},
      {"nothing", "RFC 9112 §2.2", "", 0, ""},
      {"half a line", "RFC 9112 §2.2", "GET / HT", 0, ""},
      {"no end of the head", "RFC 9112 §2.1", "GET / HTTP/1.1\r\n" + kHost, 0, ""},
      {"cr before the end only", "RFC 9112 §2.2", "GET / HTTP/1.1\r\n" + kHost + "\r", 0, ""},
      {"http 0.9", "RFC 9112 §2.3", "GET /\r\n", 400, ""},
      {"http 0.9 with fields", "RFC 9112 §2.3", "GET /" + rest, 400, ""},
      {"trailing space for the version", "RFC 9112 §3", "GET / " + rest, 400, ""},
      {"two spaces after the method", "RFC 9112 §3", "GET  / HTTP/1.1" + rest, 400, ""},
      {"two spaces before the version", "RFC 9112 §3", "GET /  HTTP/1.1" + rest, 400, ""},
      {"trailing space", "RFC 9112 §3", "GET / HTTP/1.1 " + rest, 400, ""},
      {"leading space", "RFC 9112 §3", " GET / HTTP/1.1" + rest, 400, ""},
      {"tab for a space", "RFC 9112 §3", "GET\t/ HTTP/1.1" + rest, 400, ""},
      {"leading empty line", "RFC 9112 §2.2", "\r\nGET / HTTP/1.1" + rest, 400, ""},
      {"leading line feed", "RFC 9112 §2.2", "\nGET / HTTP/1.1" + rest, 400, ""},
      {"tls handshake", "RFC 9112 §3", std::string("\x16\x03\x01\x02\x00\x01", 6), 400, ""},
      {"no method", "RFC 9112 §3.1", "/ HTTP/1.1" + rest, 400, ""},
      {"method is no token", "RFC 9112 §3.1", "G@T / HTTP/1.1" + rest, 400, ""},
      {"method in lower case", "RFC 9110 §9.1", "get / HTTP/1.1" + rest, 501, ""},
      {"version in lower case", "RFC 9112 §2.3", "GET / http/1.1" + rest, 400, ""},
      {"version with two digits", "RFC 9112 §2.3", "GET / HTTP/1.10" + rest, 400, ""},
      {"version with a leading zero", "RFC 9112 §2.3", "GET / HTTP/01.1" + rest, 400, ""},
      {"version without minor", "RFC 9112 §2.3", "GET / HTTP/1" + rest, 400, ""},
      {"http 1.2", "RFC 9110 §15.6.6", "GET / HTTP/1.2" + rest, 505, ""},
      {"http 3.0", "RFC 9110 §15.6.6", "GET / HTTP/3.0" + rest, 505, ""},
      {"http 11.1", "RFC 9112 §2.3", "GET / HTTP/11.1" + rest, 400, ""},
      {"version with a letter", "RFC 9112 §2.3", "GET / HTTP/1.x" + rest, 400, ""},
      {"method with a slash", "RFC 9112 §3.1", "G/T / HTTP/1.1" + rest, 400, ""},
      {"http 2 preface", "RFC 9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, ""},
      {"line feed alone", "RFC 9112 §2.2", "GET / HTTP/1.1\nHost: example.com\n\n", 400, ""},
      {"cr alone", "RFC 9112 §2.2", "GET / HTTP/1.1\rHost: example.com\r\n\r\n", 400, ""},
      {"cr in the target", "RFC 9112 §2.2", get("/a\rb"), 400, ""},
      {"nul in the target", "RFC 9112 §3.2", get(std::string("/a\0b", 4)), 400, ""},
      {"target too long", "RFC 9110 §15.5.15", get("/" + std::string(200, 'a')), 414, ""},
      {"target as long as allowed", "RFC 9110 §15.5.15", get("/" + std::string(199, 'a')), 200,
       "GET /" + std::string(199, 'a') + " example.com []"},
      {"line without end", "RFC 9110 §15.5.15", "GET /" + std::string(400, 'a'), 414, ""},
  };
}

inline std::vector<Case> target_cases() {
  return {
      {"path and query", "RFC 9112 §3.2.1", get("/a/b?c=d&e"), 200,
       "GET /a/b?c=d&e example.com []"},
      {"empty query", "RFC 9112 §3.2.1", get("/a?"), 200, "GET /a example.com []"},
      {"trailing slash", "RFC 3986 §3.3", get("/a/"), 200, "GET /a/ example.com []"},
      {"escapes stay", "RFC 3986 §2.1", get("/a%2Fb%20c"), 200, "GET /a%2Fb%20c example.com []"},
      {"dots in names", "RFC 3986 §3.3", get("/.well-known/..a/b.."), 200,
       "GET /.well-known/..a/b.. example.com []"},
      {"query of a browser", "RFC 3986 §3.4", get("/?q={a}|\\^`%"), 200,
       "GET /?q={a}|\\^`% example.com []"},
      {"slashes in the query", "RFC 3986 §3.4", get("/?next=//a/../b"), 200,
       "GET /?next=//a/../b example.com []"},
      {"colon and address in a segment", "RFC 3986 §3.3", get("/proxy/https:pod:8443/"), 200,
       "GET /proxy/https:pod:8443/ example.com []"},
      {"encoded address in a segment", "RFC 3986 §3.3", get("/proxy/https%3A%2F%2Fpod/x"), 200,
       "GET /proxy/https%3A%2F%2Fpod/x example.com []"},
      {"empty segment", "RFC 3986 §3.3", get("/a//b"), 400, ""},
      {"leading empty segment", "RFC 3986 §3.3", get("//evil.example/"), 400, ""},
      {"trailing empty segment", "RFC 3986 §3.3", get("/a//"), 400, ""},
      {"dot segment", "RFC 3986 §3.3", get("/a/./b"), 400, ""},
      {"dot dot segment", "RFC 3986 §3.3", get("/a/../b"), 400, ""},
      {"dot dot at the end", "RFC 3986 §3.3", get("/a/.."), 400, ""},
      {"dot at the end", "RFC 3986 §3.3", get("/."), 400, ""},
      {"encoded dot dot", "RFC 3986 §6.2.2.2", get("/a/%2e%2E/b"), 400, ""},
      {"half encoded dot dot", "RFC 3986 §6.2.2.2", get("/a/.%2e/b"), 400, ""},
      {"encoded dot", "RFC 3986 §6.2.2.2", get("/a/%2e/b"), 400, ""},
      {"dot dot before an encoded slash", "protocols: authorization bypass", get("/api/..%2fb"),
       400, ""},
      {"dot dot between encoded slashes", "protocols: authorization bypass", get("/api%2f..%2fb"),
       400, ""},
      {"dot dot with a parameter", "protocols: authorization bypass", get("/api/..;x=1/b"), 400,
       ""},
      {"backslash", "RFC 3986 §3.3", get("/a\\b"), 400, ""},
      {"encoded backslash", "RFC 3986 §7.3", get("/a%5cb"), 400, ""},
      {"encoded nul", "RFC 3986 §7.3", get("/a%00"), 400, ""},
      {"broken escape", "RFC 3986 §2.1", get("/a%zz"), 400, ""},
      {"cut escape", "RFC 3986 §2.1", get("/a%2"), 400, ""},
      {"percent alone", "RFC 3986 §2.1", get("/100%"), 400, ""},
      {"fragment", "RFC 9112 §3.2.1", get("/a#b"), 400, ""},
      {"fragment in the query", "RFC 9112 §3.2.1", get("/a?b#c"), 400, ""},
      {"non-ascii path", "RFC 3986 §2", get("/caf\xc3\xa9"), 400, ""},
      {"non-ascii query", "RFC 3986 §2", get("/?q=\xc3\xa9"), 400, ""},
      {"delete in the path", "RFC 3986 §2", get("/a\x7f"), 400, ""},
      {"tab in the query", "RFC 3986 §2", get("/?a\tb"), 400, ""},
      {"angle bracket", "RFC 3986 §2", get("/<a"), 400, ""},
      {"quote", "RFC 3986 §2", get("/a\"b"), 400, ""},
      {"control byte in the path", "RFC 3986 §2", get("/a\x01"), 400, ""},
      {"absolute-form of ftp", "RFC 9112 §3.2.2", get("ftp://example.com/"), 400, ""},
      {"relative path", "RFC 9112 §3.2", get("a/b"), 400, ""},
      {"query alone", "RFC 9112 §3.2", get("?a"), 400, ""},
      {"absolute-form", "RFC 9112 §3.2.2", get("http://example.com/a?b"), 200,
       "GET /a?b example.com []"},
      {"absolute-form in upper case", "RFC 9112 §3.2.2", get("HTTP://EXAMPLE.com/a"), 200,
       "GET /a example.com []"},
      {"absolute-form without path", "RFC 9112 §3.2.2", get("http://example.com"), 200, kOk},
      {"absolute-form with query alone", "RFC 9112 §3.2.2", get("http://example.com?a=b"), 200,
       "GET /?a=b example.com []"},
      {"absolute-form with the default port", "RFC 9112 §3.2.2", get("http://example.com:80/"), 200,
       kOk},
      {"absolute-form for another host", "RFC 9112 §3.2.2", get("http://other.example/"), 400, ""},
      {"absolute-form for another port", "RFC 9112 §3.2.2", get("http://example.com:81/"), 400, ""},
      {"absolute-form with userinfo", "RFC 9110 §4.2.4", get("http://user@example.com/"), 400, ""},
      {"absolute-form of another scheme", "RFC 9112 §3.2.2", get("https://example.com/"), 400, ""},
      {"absolute-form without host", "RFC 9112 §3.2.2", get("http:///a"), 400, ""},
      {"authority-form for get", "RFC 9112 §3.2.3", get("example.com:80"), 400, ""},
      {"connect", "RFC 9110 §9.3.6",
       "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501, ""},
      {"asterisk for options", "RFC 9112 §3.2.4", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n", 200,
       "OPTIONS * example.com []"},
      {"asterisk for get", "RFC 9112 §3.2.4", get("*"), 400, ""},
      {"asterisk and more", "RFC 9112 §3.2.4", "OPTIONS *?a HTTP/1.1\r\n" + kHost + "\r\n", 400,
       ""},
  };
}

inline std::vector<Case> host_cases() {
  return {
      {"host in upper case", "RFC 9110 §4.2.3", with_host("EXAMPLE.Com"), 200, kOk},
      {"host with port", "RFC 9110 §7.2", with_host("example.com:8443"), 200,
       "GET / example.com:8443 []"},
      {"ipv4 host", "RFC 3986 §3.2.2", with_host("127.0.0.1:80"), 200, "GET / 127.0.0.1:80 []"},
      {"ipv6 host", "RFC 3986 §3.2.2", with_host("[::1]:8443"), 200, "GET / [::1]:8443 []"},
      {"spaces around the host", "RFC 9112 §5", "GET / HTTP/1.1\r\nHost: \t example.com \t\r\n\r\n",
       200, kOk},
      {"no host", "RFC 9112 §3.2", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 400, ""},
      {"no host in 1.0", "RFC 9112 §3.2", "GET / HTTP/1.0\r\n\r\n", 400, ""},
      {"two hosts", "RFC 9112 §3.2", with_line("Host: other.example"), 400, ""},
      {"the same host twice", "RFC 9112 §3.2", with_line("hOST: example.com"), 400, ""},
      {"empty host", "RFC 9112 §3.2", with_host(""), 400, ""},
      {"host list", "RFC 9112 §3.2", with_host("example.com, other.example"), 400, ""},
      {"host with path", "RFC 9112 §3.2", with_host("example.com/a"), 400, ""},
      {"host with userinfo", "RFC 9112 §3.2", with_host("user@example.com"), 400, ""},
      {"host with query", "RFC 9112 §3.2", with_host("example.com?a"), 400, ""},
      {"host with scheme", "RFC 9112 §3.2", with_host("http://example.com"), 400, ""},
      {"host with a space", "RFC 9112 §3.2", with_host("example .com"), 400, ""},
      {"host with a control byte", "RFC 9112 §3.2", with_host("exa\x01mple.com"), 400, ""},
      {"host with a non-ascii byte", "RFC 9112 §3.2", with_host("ex\xc3\xa4mple.com"), 400, ""},
      {"host with percent", "RFC 9112 §3.2", with_host("example%2ecom"), 400, ""},
      {"host with an empty label", "RFC 9112 §3.2", with_host("example..com"), 400, ""},
      {"host with a leading dot", "RFC 9112 §3.2", with_host(".example.com"), 400, ""},
      {"port alone", "RFC 9112 §3.2", with_host(":80"), 400, ""},
      {"empty port", "RFC 3986 §3.2.3", with_host("example.com:"), 400, ""},
      {"port zero", "RFC 3986 §3.2.3", with_host("example.com:0"), 400, ""},
      {"port too large", "RFC 3986 §3.2.3", with_host("example.com:65536"), 400, ""},
      {"port with sign", "RFC 3986 §3.2.3", with_host("example.com:+80"), 400, ""},
      {"port with a leading zero", "RFC 3986 §3.2.3", with_host("example.com:080"), 400, ""},
      {"two ports", "RFC 3986 §3.2.3", with_host("example.com:80:81"), 400, ""},
      {"ipv6 without brackets", "RFC 3986 §3.2.2", with_host("::1"), 400, ""},
      {"ipv6 that is none", "RFC 3986 §3.2.2", with_host("[::g]"), 400, ""},
      {"ipv6 with a zone", "RFC 6874 §2", with_host("[fe80::1%25eth0]"), 400, ""},
      {"unclosed bracket", "RFC 3986 §3.2.2", with_host("[::1"), 400, ""},
      {"bytes after the bracket", "RFC 3986 §3.2.2", with_host("[::1]x"), 400, ""},
  };
}

inline std::vector<Case> field_cases() {
  return {
      {"empty value", "RFC 9110 §5.5", with_line("X-Empty:"), 200, kOk},
      {"non-ascii value", "RFC 9110 §5.5", with_line("X-Name: caf\xc3\xa9"), 200, kOk},
      {"tab in a value", "RFC 9110 §5.5", with_line("X-Name: a\tb"), 200, kOk},
      {"obs-fold with a space", "RFC 9112 §5.2", with_line("X-A: b\r\n c"), 400, ""},
      {"obs-fold with a tab", "RFC 9112 §5.2", with_line("X-A: b\r\n\tc"), 400, ""},
      {"first line folded", "RFC 9112 §2.2", "GET / HTTP/1.1\r\n X-A: b\r\n" + kHost + "\r\n", 400,
       ""},
      {"line of white space", "RFC 9112 §5.2", with_line("X-A: b\r\n \r\nX-B: c"), 400, ""},
      {"space before the colon", "RFC 9112 §5.1", with_line("X-A : b"), 400, ""},
      {"tab before the colon", "RFC 9112 §5.1", with_line("X-A\t: b"), 400, ""},
      {"space in the name", "RFC 9112 §5.1", with_line("X A: b"), 400, ""},
      {"no name", "RFC 9112 §5.1", with_line(": b"), 400, ""},
      {"no colon", "RFC 9112 §5", with_line("X-A"), 400, ""},
      {"non-ascii name", "RFC 9112 §5.1", with_line("X-\xc3\xa9: b"), 400, ""},
      {"nul in the name", "RFC 9112 §5.1", with_line(std::string("X\0A: b", 6)), 400, ""},
      {"slash in the name", "RFC 9112 §5.1", with_line("X/A: b"), 400, ""},
      {"quote in the name", "RFC 9112 §5.1", with_line("X\": b"), 400, ""},
      {"parenthesis in the name", "RFC 9112 §5.1", with_line("X(: b"), 400, ""},
      {"space alone before the colon", "RFC 9112 §5.1", with_line("X-A: b\r\n : c"), 400, ""},
      {"nul in the value", "RFC 9110 §5.5", with_line(std::string("X-A: b\0c", 8)), 400, ""},
      {"escape in the value", "RFC 9110 §5.5", with_line("X-A: \x1b[31m"), 400, ""},
      {"delete in the value", "RFC 9110 §5.5", with_line("X-A: b\x7f"), 400, ""},
      {"line feed in the head", "RFC 9112 §2.2", with_line("X-A: b\nX-B: c"), 400, ""},
      {"cr in a value", "RFC 9112 §2.2", with_line("X-A: b\rX-B: c"), 400, ""},
      {"two crs at the end of a line", "RFC 9112 §2.2", with_line("X-A: b\r"), 400, ""},
      {"line feed ends the head", "RFC 9112 §2.2", "GET / HTTP/1.1\r\n" + kHost + "\n", 400, ""},
      {"fields as many as allowed", "RFC 6585 §5",
       "GET / HTTP/1.1\r\n" + kHost + repeated("A: b\r\n", 19) + "\r\n", 200, kOk},
      {"too many fields", "RFC 6585 §5",
       "GET / HTTP/1.1\r\n" + kHost + repeated("A: b\r\n", 20) + "\r\n", 431, ""},
      {"head too large", "RFC 6585 §5", with_line("X-A: " + std::string(1200, 'b')), 431, ""},
      {"field without end", "RFC 6585 §5", "GET / HTTP/1.1\r\nX-A: " + std::string(1400, 'b'), 431,
       ""},
      {"unknown expectation", "RFC 9110 §10.1.1", with_line("Expect: 200-ok"), 400, ""},
      {"connection nominates a field", "RFC 9110 §7.6.1",
       with_line("Connection: X-Forwarded-For\r\nX-Forwarded-For: 10.0.0.1"), 400, ""},
      {"connection nominates an identity", "RFC 9110 §7.6.1",
       with_line("Impersonate-User: eve\r\nConnection: close, impersonate-user"), 400, ""},
      {"connection nominates what isn't there", "RFC 9110 §7.6.1",
       with_line("Connection: keep-alive, X-Other"), 200, kOk},
      {"connection is no list", "RFC 9110 §7.6.1", with_line("Connection: close; x"), 400, ""},
      {"close and keep-alive in http 1.0", "RFC 9112 §9.3",
       "GET / HTTP/1.0\r\n" + kHost + "Connection: close\r\nConnection: keep-alive\r\n\r\n" +
           get("/next"),
       200, kOk},
      {"two upgrades", "RFC 9110 §7.8",
       with_line("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b"), 400, ""},
  };
}

inline std::vector<Case> length_cases() {
  return {
      {"content-length", "RFC 9112 §6.2", post("Content-Length: 5\r\n", "hello"), 200, kPosted},
      {"content-length zero", "RFC 9112 §6.2", post("Content-Length: 0\r\n", ""), 200,
       "POST /p example.com []"},
      {"leading zeros", "RFC 9110 §8.6", post("Content-Length: 0005\r\n", "hello"), 200, kPosted},
      {"no length, no body", "RFC 9112 §6.3", post("", ""), 200, "POST /p example.com []"},
      {"get with a body", "RFC 9110 §9.3.1",
       "GET /p HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\n\r\nhello", 200,
       "GET /p example.com [hello]"},
      {"body cut", "RFC 9112 §8", post("Content-Length: 5\r\n", "hell"), 400, ""},
      {"two different lengths", "RFC 9112 §6.3",
       post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400, ""},
      {"two equal lengths", "RFC 9112 §6.3",
       post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400, ""},
      {"length list", "RFC 9112 §6.3", post("Content-Length: 5, 5\r\n", "hello"), 400, ""},
      {"length with plus", "RFC 9110 §8.6", post("Content-Length: +5\r\n", "hello"), 400, ""},
      {"negative length", "RFC 9110 §8.6", post("Content-Length: -5\r\n", "hello"), 400, ""},
      {"empty length", "RFC 9110 §8.6", post("Content-Length: \r\n", "hello"), 400, ""},
      {"hexadecimal length", "RFC 9110 §8.6", post("Content-Length: 0x5\r\n", "hello"), 400, ""},
      {"length with a space inside", "RFC 9110 §8.6", post("Content-Length: 5 5\r\n", "hello"), 400,
       ""},
      {"length with a fraction", "RFC 9110 §8.6", post("Content-Length: 5.0\r\n", "hello"), 400,
       ""},
      {"length of 2^64-1", "RFC 9110 §8.6",
       post("Content-Length: 18446744073709551615\r\n", "hello"), 413, ""},
      {"length of 2^64", "carry of the last digit",
       post("Content-Length: 18446744073709551616\r\n", "GET /smuggled HTTP/1.1\r\n"), 400, ""},
      {"length of 2^64+5", "carry of the last digit",
       post("Content-Length: 18446744073709551621\r\n", "hello"), 400, ""},
      {"length of 30 digits", "RFC 9110 §8.6",
       post("Content-Length: " + std::string(30, '9') + "\r\n", "hello"), 400, ""},
      {"length over the limit", "RFC 9110 §15.5.14", post("Content-Length: 1001\r\n", ""), 413, ""},
      {"length at the limit", "RFC 9110 §15.5.14",
       post("Content-Length: 1000\r\n", std::string(1000, 'a')), 200,
       "POST /p example.com [" + std::string(1000, 'a') + "]"},
      {"cl and te", "RFC 9112 §6.3",
       post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", kChunks), 400, ""},
      {"te and cl", "RFC 9112 §6.3",
       post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", kChunks), 400, ""},
      {"te and cl zero", "RFC 9112 §6.3",
       post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", kChunks), 400, ""},
      {"te xchunked", "RFC 9112 §6.1", post("Transfer-Encoding: xchunked\r\n", kChunks), 501, ""},
      {"te gzip, chunked", "RFC 9112 §6.1", post("Transfer-Encoding: gzip, chunked\r\n", kChunks),
       501, ""},
      {"te chunked, identity", "RFC 9112 §6.1",
       post("Transfer-Encoding: chunked, identity\r\n", kChunks), 501, ""},
      {"te identity", "RFC 9112 §6.1", post("Transfer-Encoding: identity\r\n", kChunks), 501, ""},
      {"te chunked twice in a list", "RFC 9112 §7.1",
       post("Transfer-Encoding: chunked, chunked\r\n", kChunks), 501, ""},
      {"te chunked with a parameter", "RFC 9112 §7",
       post("Transfer-Encoding: chunked;q=1\r\n", kChunks), 501, ""},
      {"te with a vertical tab", "RFC 9110 §5.5",
       post("Transfer-Encoding: \x0b"
            "chunked\r\n",
            kChunks),
       400, ""},
      {"te empty", "RFC 9112 §6.1", post("Transfer-Encoding:\r\n", kChunks), 501, ""},
      {"two te fields", "RFC 9112 §6.1",
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kChunks), 400, ""},
      {"te and te identity", "RFC 9112 §6.1",
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", kChunks), 400, ""},
      {"te in http 1.0", "RFC 9112 §6.1",
       "POST /p HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n" + kChunks, 400, ""},
      {"te with a space before the colon", "RFC 9112 §5.1",
       post("Transfer-Encoding : chunked\r\n", kChunks), 400, ""},
      {"length folded", "RFC 9112 §5.2", post("Content-Length:\r\n 5\r\n", "hello"), 400, ""},
  };
}

inline std::vector<Case> chunk_cases() {
  const std::string body_1000 = std::string(1000, 'a');
  return {
      {"chunks", "RFC 9112 §7.1", chunked(kChunks), 200, kPosted},
      {"chunked in upper case", "RFC 9112 §7", post("Transfer-Encoding: CHUNKED\r\n", kChunks), 200,
       kPosted},
      {"several chunks", "RFC 9112 §7.1", chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), 200,
       kPosted},
      {"empty body in chunks", "RFC 9112 §7.1", chunked("0\r\n\r\n"), 200,
       "POST /p example.com []"},
      {"size in upper case with zeros", "RFC 9112 §7.1",
       chunked("000A\r\n0123456789\r\n00\r\n\r\n"), 200, "POST /p example.com [0123456789]"},
      {"extension", "RFC 9112 §7.1.1", chunked("5;a=b;c\r\nhello\r\n0;d=\"e;\\\"f\"\r\n\r\n"), 200,
       kPosted},
      {"trailer is dropped", "RFC 9112 §7.1.2", chunked("5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n"),
       200, kPosted},
      {"trailer of an identity is dropped", "RFC 9110 §6.5.1",
       chunked("5\r\nhello\r\n0\r\nImpersonate-User: eve\r\nHost: other\r\n\r\n"), 200, kPosted},
      {"chunks at the limit", "RFC 9110 §15.5.14", chunked("3e8\r\n" + body_1000 + "\r\n0\r\n\r\n"),
       200, "POST /p example.com [" + body_1000 + "]"},
      {"chunks over the limit", "RFC 9110 §15.5.14",
       chunked("3e8\r\n" + body_1000 + "\r\n1\r\nb\r\n0\r\n\r\n"), 413, ""},
      {"no last chunk", "RFC 9112 §8", chunked("5\r\nhello\r\n"), 400, ""},
      {"cut in the last line", "RFC 9112 §8", chunked("5\r\nhello\r\n0\r\n"), 400, ""},
      {"no size", "RFC 9112 §7.1", chunked("\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"size is no number", "RFC 9112 §7.1", chunked("g\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"size with 0x", "RFC 9112 §7.1", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"size with plus", "RFC 9112 §7.1", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"negative size", "RFC 9112 §7.1", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"space before the size", "RFC 9112 §7.1", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"space after the size", "RFC 9112 §7.1.1", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"size of 2^64", "RFC 9112 §7.1", chunked("10000000000000000\r\nhello\r\n0\r\n\r\n"), 400,
       ""},
      {"size of 2^64+5", "RFC 9112 §7.1", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400,
       ""},
      {"size of 17 zeros", "RFC 9112 §7.1", chunked("00000000000000000\r\n\r\n"), 400, ""},
      {"size of 2^64-1", "RFC 9112 §7.1", chunked("ffffffffffffffff\r\n" + repeated(body_1000, 2)),
       413, ""},
      {"line feed after the size", "RFC 9112 §7.1", chunked("5\nhello\r\n0\r\n\r\n"), 400, ""},
      {"cr in the size line", "RFC 9112 §7.1", chunked("5\r\rhello\r\n0\r\n\r\n"), 400, ""},
      {"line feed in an extension", "protocols §8, item 49", chunked("5;a\nhello\r\n0\r\n\r\n"),
       400, ""},
      {"line feed in a quoted extension", "protocols §8, item 49",
       chunked("5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"cr in an extension", "RFC 9112 §7.1.1", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"nul in an extension", "RFC 9112 §7.1.1",
       chunked(std::string("5;a\0\r\nhello\r\n0\r\n\r\n", 19)), 400, ""},
      {"extension without name", "RFC 9112 §7.1.1", chunked("5;\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"extension without value", "RFC 9112 §7.1.1", chunked("5;a=\r\nhello\r\n0\r\n\r\n"), 400,
       ""},
      {"extension with an open quote", "RFC 9112 §7.1.1", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"),
       400, ""},
      {"extension with a space", "RFC 9112 §7.1.1", chunked("5 ;a\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"extension too long", "RFC 9112 §7.1.1",
       chunked("5;" + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"extensions too many", "RFC 9112 §7.1.1",
       chunked(repeated("1;" + std::string(200, 'a') + "\r\nx\r\n", 25) + "0\r\n\r\n"), 400, ""},
      {"chunk longer than its size", "RFC 9112 §7.1", chunked("4\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"chunk shorter than its size", "RFC 9112 §7.1", chunked("6\r\nhello\r\n0\r\n\r\n"), 400, ""},
      {"chunk ended by a line feed", "RFC 9112 §7.1", chunked("5\r\nhello\n0\r\n\r\n"), 400, ""},
      {"chunk ended by a cr", "RFC 9112 §7.1", chunked("5\r\nhello\r0\r\n\r\n"), 400, ""},
      {"last chunk ended by a line feed", "RFC 9112 §7.1", chunked("5\r\nhello\r\n0\n\r\n"), 400,
       ""},
      {"end by a line feed", "RFC 9112 §7.1.2", chunked("5\r\nhello\r\n0\r\n\n"), 400, ""},
      {"trailer without colon", "RFC 9112 §7.1.2", chunked("0\r\nX-Trailer\r\n\r\n"), 400, ""},
      {"trailer with a space before the colon", "RFC 9112 §7.1.2",
       chunked("0\r\nX-Trailer : a\r\n\r\n"), 400, ""},
      {"trailer folded", "RFC 9112 §7.1.2", chunked("0\r\nX-Trailer: a\r\n b\r\n\r\n"), 400, ""},
      {"trailer with a line feed", "RFC 9112 §7.1.2", chunked("0\r\nX-Trailer: a\nX-B: c\r\n\r\n"),
       400, ""},
      {"trailer with a cr", "RFC 9112 §7.1.2", chunked("0\r\nX-Trailer: a\rb\r\n\r\n"), 400, ""},
      {"trailer with a length", "RFC 9110 §6.5.1", chunked("0\r\nContent-Length: 0\r\n\r\n"), 400,
       ""},
      {"trailer with a coding", "RFC 9110 §6.5.1",
       chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, ""},
      {"trailers too long", "RFC 9112 §7.1.2",
       chunked("0\r\nX-Trailer: " + std::string(5000, 'a') + "\r\n\r\n"), 400, ""},
  };
}

inline const std::vector<Case>& all_cases() {
  static const std::vector<Case> kAll = [] {
    std::vector<Case> all;
    for (auto part : {request_line_cases(), target_cases(), host_cases(), field_cases(),
                      length_cases(), chunk_cases()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace openunison::http::testing
