// SPDX-License-Identifier: Apache-2.0
//
// Requests and what the codec must say of them, each with its section. `status` 0: accepted.
#pragma once

#include <string>
#include <vector>

namespace openunison::http {

struct H1Case {
  const char* name;
  const char* section;
  std::string bytes;
  int status;
};

inline std::vector<H1Case> h1_cases() {
  const auto get = [](std::string line_and_fields) { return line_and_fields + "\r\n"; };
  const std::string host = "Host: a\r\n";
  const auto with = [&](const std::string& fields) { return "GET / HTTP/1.1\r\n" + host + fields + "\r\n"; };
  const auto target = [&](const std::string& t) { return "GET " + t + " HTTP/1.1\r\n" + host + "\r\n"; };
  const auto hosted = [](const std::string& h) { return "GET / HTTP/1.1\r\nHost: " + h + "\r\n\r\n"; };
  const auto post = [&](const std::string& fields) { return "POST / HTTP/1.1\r\n" + host + fields + "\r\n"; };
  using namespace std::string_literals;
  return {
      // What is accepted.
      {"plain", "9112 3", with(""), 0},
      {"HTTP/1.0", "9112 2.3", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 0},
      {"query", "9112 3.2.1", target("/a/b?x=1&y=%20"), 0},
      {"trailing slash", "9112 3.2.1", target("/a/"), 0},
      {"absolute form of the same host", "9112 3.2.2", target("http://a/x"), 0},
      {"OPTIONS *", "9112 3.2.4", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 0},
      {"port", "9112 3.2", hosted("a.example:8443"), 0},
      {"IPv6", "9112 3.2", hosted("[::1]:8443"), 0},
      {"upper-case host", "9112 3.2", hosted("EXAMPLE.com"), 0},
      {"white space around a value", "9112 5.1", with("X:  \t v \t\r\n"), 0},
      {"empty value", "9112 5.1", with("X:\r\n"), 0},
      {"high bytes in a value", "9110 5.5", with("X: \xc3\xa9\r\n"), 0},
      {"Content-Length: 0", "9110 8.6", post("Content-Length: 0\r\n"), 0},
      {"leading zeros", "9110 8.6", post("Content-Length: 0000\r\n"), 0},
      {"chunked", "9112 6.1", post("Transfer-Encoding: chunked\r\n"), 0},
      {"Chunked in another case", "9112 6.1", post("Transfer-Encoding: Chunked\r\n"), 0},
      {"Expect", "9110 10.1.1", post("Content-Length: 0\r\nExpect: 100-continue\r\n"), 0},
      // Request line.
      {"HTTP/0.9", "9112 2.3", get("GET /\r\n"), 400},
      {"two spaces", "9112 3", get("GET  / HTTP/1.1\r\n" + host), 400},
      {"space at the end", "9112 3", get("GET / HTTP/1.1 \r\n" + host), 400},
      {"space at the start", "9112 3", get(" GET / HTTP/1.1\r\n" + host), 400},
      {"tab", "9112 3", get("GET\t/ HTTP/1.1\r\n" + host), 400},
      {"empty line first", "9112 2.2", "\r\n" + with(""), 400},
      {"method with a slash", "9112 3.1", get("G/T / HTTP/1.1\r\n" + host), 400},
      {"no method", "9112 3.1", get(" / HTTP/1.1\r\n" + host), 400},
      {"lower-case version", "9112 2.3", get("GET / http/1.1\r\n" + host), 400},
      {"HTTP/1.2", "9112 2.3", get("GET / HTTP/1.2\r\n" + host), 505},
      {"HTTP/2.0", "9112 2.3", get("GET / HTTP/2.0\r\n" + host), 505},
      {"HTTP/11.1", "9112 2.3", get("GET / HTTP/11.1\r\n" + host), 400},
      {"version with a letter", "9112 2.3", get("GET / HTTP/1.x\r\n" + host), 400},
      {"preface of HTTP/2", "9113 3.4", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"CONNECT", "9110 9.3.6", get("CONNECT a:443 HTTP/1.1\r\n" + host), 501},
      // Targets.
      {"no leading slash", "9112 3.2.1", target("x"), 400},
      {"* for GET", "9112 3.2.4", target("*"), 400},
      {"double slash", "3986 3.3", target("//a"), 400},
      {"double slash inside", "3986 3.3", target("/a//b"), 400},
      {"dot segment", "3986 5.2.4", target("/a/./b"), 400},
      {"dot-dot segment", "3986 5.2.4", target("/a/../b"), 400},
      {"dot-dot at the end", "3986 5.2.4", target("/a/.."), 400},
      {"encoded dot-dot", "3986 6.2.2", target("/a/%2e%2E/b"), 400},
      {"half encoded dot-dot", "3986 6.2.2", target("/a/.%2e/b"), 400},
      {"backslash", "3986 3.3", target("/a\\b"), 400},
      {"encoded backslash", "3986 7.3", target("/a%5cb"), 400},
      {"encoded NUL", "3986 7.3", target("/a%00"), 400},
      {"broken escape", "3986 2.1", target("/a%2"), 400},
      {"escape of letters", "3986 2.1", target("/a%zz"), 400},
      {"fragment", "9112 3.2", target("/a#b"), 400},
      {"control byte", "9112 3.2", target("/a\x01"), 400},
      {"DEL", "9112 3.2", target("/a\x7f"), 400},
      {"high byte", "9112 3.2", target("/\xc3\xa9"), 400},
      {"quote", "9112 3.2", target("/a\"b"), 400},
      {"angle bracket", "9112 3.2", target("/<a>"), 400},
      {"another host in absolute form", "9112 3.2.2", target("http://b/x"), 400},
      {"another port in absolute form", "9112 3.2.2", target("http://a:81/x"), 400},
      {"another scheme", "9112 3.2.2", target("ftp://a/x"), 400},
      {"userinfo in absolute form", "9112 3.2.4", target("http://u@a/x"), 400},
      {"target over its limit", "9110 15.5.15", target("/" + std::string(17 * 1024, 'a')), 414},
      // Host.
      {"no Host", "9112 3.2", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "9112 3.2", with("Host: a\r\n"), 400},
      {"empty Host", "9112 3.2", hosted(""), 400},
      {"Host with userinfo", "9112 3.2", hosted("u@a"), 400},
      {"Host with a path", "9112 3.2", hosted("a/b"), 400},
      {"Host with a space", "9112 3.2", hosted("a b"), 400},
      {"Host with a comma", "9112 3.2", hosted("a,b"), 400},
      {"Host with an empty label", "9112 3.2", hosted("a..b"), 400},
      {"Host with a leading dot", "9112 3.2", hosted(".a"), 400},
      {"Host with a percent sign", "9112 3.2", hosted("%61"), 400},
      {"Host with an empty port", "9112 3.2", hosted("a:"), 400},
      {"Host with port 0", "9112 3.2", hosted("a:0"), 400},
      {"Host with port 65536", "9112 3.2", hosted("a:65536"), 400},
      {"Host with a signed port", "9112 3.2", hosted("a:+1"), 400},
      {"Host with half an IPv6 address", "9112 3.2", hosted("[::1"), 400},
      {"Host with an IPv6 zone", "9112 3.2", hosted("[fe80::1%25eth0]"), 400},
      {"Host with high bytes", "9112 3.2", hosted("\xc3\xa9"), 400},
      // Fields.
      {"space before the colon", "9112 5.1", with("X : v\r\n"), 400},
      {"tab before the colon", "9112 5.1", with("X\t: v\r\n"), 400},
      {"no colon", "9112 5", with("X\r\n"), 400},
      {"empty name", "9112 5.1", with(": v\r\n"), 400},
      {"name with a space", "9112 5.1", with("X Y: v\r\n"), 400},
      {"name with a quote", "9112 5.1", with("X\": v\r\n"), 400},
      {"name with a high byte", "9112 5.1", with("X\xc3\xa9: v\r\n"), 400},
      {"name with a parenthesis", "9112 5.1", with("X(: v\r\n"), 400},
      {"folded over lines", "9112 5.2", with("X: a\r\n b\r\n"), 400},
      {"first field folded", "9112 5.2", "GET / HTTP/1.1\r\n X: a\r\n" + host + "\r\n", 400},
      {"NUL in a value", "9110 5.5", with("X: a"s + '\0' + "b\r\n"), 400},
      {"CR in a value", "9112 2.2", with("X: a\rb\r\n"), 400},
      {"LF without CR", "9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"LF without CR in a field", "9112 2.2", with("X: a\nY: b\r\n"), 400},
      {"CR CR LF", "9112 2.2", with("X: a\r\r\n"), 400},
      {"control byte in a value", "9110 5.5", with("X: a\x01\r\n"), 400},
      {"DEL in a value", "9110 5.5", with("X: a\x7f\r\n"), 400},
      {"too many fields", "6585 5", with([] {
         std::string all;
         for (int i = 0; i < 101; ++i) all += "X: v\r\n";
         return all;
       }()), 431},
      {"head too large", "6585 5", with("X: " + std::string(40 * 1024, 'a') + "\r\n"), 431},
      // Length.
      {"both lengths", "9112 6.3", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"both lengths, the other way", "9112 6.3", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400},
      {"two lengths", "9112 6.3", post("Content-Length: 3\r\nContent-Length: 3\r\n"), 400},
      {"two different lengths", "9112 6.3", post("Content-Length: 3\r\nContent-Length: 4\r\n"), 400},
      {"list of lengths", "9110 8.6", post("Content-Length: 3, 3\r\n"), 400},
      {"signed length", "9110 8.6", post("Content-Length: +3\r\n"), 400},
      {"negative length", "9110 8.6", post("Content-Length: -3\r\n"), 400},
      {"hexadecimal length", "9110 8.6", post("Content-Length: 0x3\r\n"), 400},
      {"length with a space", "9110 8.6", post("Content-Length: 1 2\r\n"), 400},
      {"empty length", "9110 8.6", post("Content-Length:\r\n"), 400},
      {"fraction", "9110 8.6", post("Content-Length: 3.0\r\n"), 400},
      {"length that wraps around", "9110 8.6", post("Content-Length: 18446744073709551616\r\n"), 400},
      {"length that wraps in its last digit", "9110 8.6", post("Content-Length: 18446744073709551619\r\n"), 400},
      {"length over the limit", "9110 15.5.14", post("Content-Length: 1048577\r\n"), 413},
      {"unknown coding", "9112 6.1", post("Transfer-Encoding: gzip\r\n"), 501},
      {"two codings", "9112 6.1", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"chunked twice", "9112 6.1", post("Transfer-Encoding: chunked, chunked\r\n"), 501},
      {"chunked in two fields", "9112 6.1", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"identity", "9112 6.1", post("Transfer-Encoding: identity\r\n"), 501},
      {"xchunked", "9112 6.1", post("Transfer-Encoding: xchunked\r\n"), 501},
      {"chunked with a parameter", "9112 6.1", post("Transfer-Encoding: chunked;q=1\r\n"), 501},
      {"empty coding", "9112 6.1", post("Transfer-Encoding:\r\n"), 501},
      {"chunked in HTTP/1.0", "9112 6.1", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"unknown expectation", "9110 10.1.1", with("Expect: 200-maybe\r\n"), 400},
      {"Connection that is no list", "9110 7.6.1", with("Connection: a b\r\n"), 400},
  };
}

}  // namespace openunison::http
