// SPDX-License-Identifier: Apache-2.0
//
// A request as bytes and what becomes of it, and how such are put together: for the tables of
// h1_cases.h.
#pragma once

#include <string>
#include <vector>

#include "case_limits.h"

namespace openunison::http::testing {

struct Case {
  std::string name;
  std::string section;  // RFC and section, or the attack's name
  std::string raw;
  int status;           // 200: accepted; 0: more bytes are needed
  std::string summary;  // of what is accepted: METHOD path[?query] authority [body]
};

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

}  // namespace openunison::http::testing
