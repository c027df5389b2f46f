// SPDX-License-Identifier: Apache-2.0
//
// Answers as bytes and what our client makes of them: a server that lies, was broken into, or
// stands behind another that reads otherwise.
#pragma once

#include <string>
#include <vector>

#include "h1_cases.h"

namespace openunison::http::testing {

struct AnswerForm {
  std::string name;
  std::string section;  // RFC and section
  std::string raw;
  // "STATUS [body] open" or "... close": may the connection carry another request; "bad": Errc::
  // bad_gateway; "large": Errc::body_too_large; "cut": net::Errc::closed.
  std::string expected;
  bool to_head = false;
};

inline const std::string kOkLine = "HTTP/1.1 200 OK\r\n";
constexpr std::size_t kMaxAnswer = 1000;

inline std::string answer(const std::string& fields, const std::string& body) {
  return kOkLine + fields + "\r\n" + body;
}
inline std::string chunked_answer(const std::string& body) {
  return answer("Transfer-Encoding: chunked\r\n", body);
}

inline std::vector<AnswerForm> status_line_forms() {
  const std::string rest = "\r\nContent-Length: 5\r\n\r\nhello";
  return {
      {"by length", "RFC 9112 §6.3", kOkLine + rest.substr(2), "200 [hello] open"},
      {"no reason", "RFC 9112 §4", "HTTP/1.1 200" + rest, "200 [hello] open"},
      {"empty reason", "RFC 9112 §4", "HTTP/1.1 200 " + rest, "200 [hello] open"},
      {"reason of any bytes", "RFC 9112 §4", "HTTP/1.1 200 \xc3\xa9\t!" + rest, "200 [hello] open"},
      {"unknown status", "RFC 9110 §15", "HTTP/1.1 299 Odd" + rest, "299 [hello] open"},
      {"http 1.0", "RFC 9112 §9.3", "HTTP/1.0 200 OK" + rest, "200 [hello] close"},
      {"nothing", "RFC 9112 §8", "", "cut"},
      {"a part of a line", "RFC 9112 §8", "HTTP/1.1 20", "cut"},
      {"http 0.9", "RFC 9112 §2.3", "hello\r\n", "bad"},
      {"http 2", "RFC 9112 §2.3", "HTTP/2 200" + rest, "bad"},
      {"http 1.2", "RFC 9112 §2.3", "HTTP/1.2 200 OK" + rest, "bad"},
      {"version in lower case", "RFC 9112 §2.3", "http/1.1 200 OK" + rest, "bad"},
      {"leading space", "RFC 9112 §4", " HTTP/1.1 200 OK" + rest, "bad"},
      {"leading empty line", "RFC 9112 §4", "\r\nHTTP/1.1 200 OK" + rest, "bad"},
      {"two spaces", "RFC 9112 §4", "HTTP/1.1  200 OK" + rest, "bad"},
      {"tab for a space", "RFC 9112 §4", "HTTP/1.1\t200 OK" + rest, "bad"},
      {"status of two digits", "RFC 9112 §4", "HTTP/1.1 20 OK" + rest, "bad"},
      {"status of four digits", "RFC 9112 §4", "HTTP/1.1 2000 OK" + rest, "bad"},
      {"status with a sign", "RFC 9112 §4", "HTTP/1.1 +20 OK" + rest, "bad"},
      {"status 000", "RFC 9110 §15", "HTTP/1.1 000 OK" + rest, "bad"},
      {"status 600", "RFC 9110 §15", "HTTP/1.1 600 OK" + rest, "bad"},
      {"nul in the reason", "RFC 9112 §4", std::string("HTTP/1.1 200 O\0K", 16) + rest, "bad"},
      {"escape in the reason", "RFC 9112 §4", "HTTP/1.1 200 \x1b[31m" + rest, "bad"},
      {"cr in the reason", "RFC 9112 §2.2", "HTTP/1.1 200 O\rK" + rest, "bad"},
      {"line feed alone", "RFC 9112 §2.2", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "bad"},
      {"line without end", "RFC 9112 §4", "HTTP/1.1 200 " + std::string(2000, 'a'), "bad"},
      {"a request", "RFC 9112 §4", get("/"), "bad"},
      {"tls alert", "RFC 9112 §4", std::string("\x15\x03\x03\x00\x02\x02\x46\r\n", 9), "bad"},
  };
}

inline std::vector<AnswerForm> answer_field_forms() {
  const std::string rest = "Content-Length: 5\r\n\r\nhello";
  return {
      {"field of any bytes", "RFC 9110 §5.5", kOkLine + "X-A: \xff\t\r\n" + rest,
       "200 [hello] open"},
      {"folded", "RFC 9112 §5.2", kOkLine + "X-A: b\r\n c\r\n" + rest, "bad"},
      {"first line folded", "RFC 9112 §2.2", kOkLine + " X-A: b\r\n" + rest, "bad"},
      {"space before the colon", "RFC 9112 §5.1", kOkLine + "X-A : b\r\n" + rest, "bad"},
      {"no colon", "RFC 9112 §5", kOkLine + "X-A\r\n" + rest, "bad"},
      {"no name", "RFC 9112 §5.1", kOkLine + ": b\r\n" + rest, "bad"},
      {"nul in a value", "RFC 9110 §5.5", kOkLine + std::string("X-A: b\0c\r\n", 10) + rest, "bad"},
      {"cr in a value", "RFC 9112 §2.2", kOkLine + "X-A: b\rX-B: c\r\n" + rest, "bad"},
      {"line feed in a value", "RFC 9112 §2.2", kOkLine + "X-A: b\nX-B: c\r\n" + rest, "bad"},
      {"line feed ends the head", "RFC 9112 §2.2", kOkLine + "Content-Length: 5\r\n\nhello", "bad"},
      {"head too large", "RFC 6585 §5", kOkLine + "X-A: " + std::string(2000, 'b') + "\r\n" + rest,
       "bad"},
      {"too many fields", "RFC 6585 §5", kOkLine + repeated("A: b\r\n", 30) + rest, "bad"},
      {"head without end", "RFC 9112 §8", kOkLine + "X-A: b\r\n", "cut"},
      {"connection close", "RFC 9112 §9.3", kOkLine + "Connection: close\r\n" + rest,
       "200 [hello] close"},
      {"close in a list", "RFC 9112 §9.3", kOkLine + "Connection: x, CLOSE\r\n" + rest,
       "200 [hello] close"},
      {"close and keep-alive", "RFC 9112 §9.3",
       kOkLine + "Connection: keep-alive\r\nConnection: close\r\n" + rest, "200 [hello] close"},
      {"keep-alive of http 1.0", "RFC 9112 §9.3",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + rest, "200 [hello] open"},
      {"connection names a field", "RFC 9110 §7.6.1",
       kOkLine + "Connection: set-cookie\r\nSet-Cookie: a=b\r\n" + rest, "bad"},
  };
}

inline std::vector<AnswerForm> framing_forms() {
  return {
      {"empty by length", "RFC 9112 §6.3", answer("Content-Length: 0\r\n", ""), "200 [] open"},
      {"until the end", "RFC 9112 §6.3", answer("", "hello"), "200 [hello] close"},
      {"until the end, empty", "RFC 9112 §6.3", answer("", ""), "200 [] close"},
      {"until the end, too large", "RFC 9112 §6.3", answer("", std::string(kMaxAnswer + 1, 'a')),
       "large"},
      {"length cut", "RFC 9112 §8", answer("Content-Length: 6\r\n", "hello"), "bad"},
      {"longer than its length", "RFC 9112 §6.3", answer("Content-Length: 4\r\n", "hello"),
       "200 [hell] close"},
      {"a second answer behind", "RFC 9112 §9.2",
       answer("Content-Length: 5\r\n", "hello") + answer("Content-Length: 4\r\n", "evil"),
       "200 [hello] close"},
      {"too large by length", "RFC 9110 §8.6", answer("Content-Length: 1001\r\n", ""), "large"},
      {"two lengths", "RFC 9112 §6.3",
       answer("Content-Length: 5\r\nContent-Length: 4\r\n", "hello"), "bad"},
      {"one length twice", "RFC 9112 §6.3",
       answer("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "bad"},
      {"length list", "RFC 9112 §6.3", answer("Content-Length: 5, 5\r\n", "hello"), "bad"},
      {"length with plus", "RFC 9110 §8.6", answer("Content-Length: +5\r\n", "hello"), "bad"},
      {"negative length", "RFC 9110 §8.6", answer("Content-Length: -1\r\n", "hello"), "bad"},
      {"empty length", "RFC 9110 §8.6", answer("Content-Length:\r\n", "hello"), "bad"},
      {"length of 2^64+5", "carry of the last digit",
       answer("Content-Length: 18446744073709551621\r\n", "hello"), "bad"},
      {"length and chunks", "RFC 9112 §6.3",
       answer("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", kChunks), "bad"},
      {"chunks and another coding", "RFC 9112 §6.1",
       answer("Transfer-Encoding: gzip, chunked\r\n", kChunks), "bad"},
      {"chunked not last", "RFC 9112 §6.3", answer("Transfer-Encoding: chunked, gzip\r\n", kChunks),
       "bad"},
      {"unknown coding", "RFC 9112 §6.1", answer("Transfer-Encoding: xchunked\r\n", kChunks),
       "bad"},
      {"two coding fields", "RFC 9112 §6.1",
       answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kChunks), "bad"},
      {"chunks in http 1.0", "RFC 9112 §6.1",
       "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunks, "bad"},
  };
}

inline std::vector<AnswerForm> answer_chunk_forms() {
  return {
      {"chunks", "RFC 9112 §7.1", chunked_answer(kChunks), "200 [hello] open"},
      {"chunks with extension and trailer", "RFC 9112 §7.1",
       chunked_answer("5;a=\"b\"\r\nhello\r\n0\r\nX-A: b\r\n\r\n"), "200 [hello] open"},
      {"bytes behind the last chunk", "RFC 9112 §9.2", chunked_answer(kChunks + "x"),
       "200 [hello] close"},
      {"chunks too large", "RFC 9112 §7.1",
       chunked_answer("3e8\r\n" + std::string(kMaxAnswer, 'a') + "\r\n1\r\na\r\n0\r\n\r\n"),
       "large"},
      {"chunk of 2^64-1", "RFC 9112 §7.1",
       chunked_answer("ffffffffffffffff\r\n" + std::string(kMaxAnswer + 1, 'a')), "large"},
      {"chunk of 2^64", "RFC 9112 §7.1", chunked_answer("10000000000000000\r\nhello\r\n0\r\n\r\n"),
       "bad"},
      {"no last chunk", "RFC 9112 §8", chunked_answer("5\r\nhello\r\n"), "bad"},
      {"chunk cut", "RFC 9112 §8", chunked_answer("5\r\nhel"), "bad"},
      {"no empty line", "RFC 9112 §8", chunked_answer("5\r\nhello\r\n0\r\n"), "bad"},
      {"space behind the size", "RFC 9112 §7.1.1", chunked_answer("5 \r\nhello\r\n0\r\n\r\n"),
       "bad"},
      {"size with 0x", "RFC 9112 §7.1", chunked_answer("0x5\r\nhello\r\n0\r\n\r\n"), "bad"},
      {"line feed behind the size", "RFC 9112 §7.1", chunked_answer("5\nhello\r\n0\r\n\r\n"),
       "bad"},
      {"chunk longer than its size", "RFC 9112 §7.1", chunked_answer("4\r\nhello\r\n0\r\n\r\n"),
       "bad"},
      {"extension without end", "RFC 9112 §7.1.1", chunked_answer("5;" + std::string(9000, 'a')),
       "bad"},
      {"trailers without end", "RFC 9112 §7.1.2",
       chunked_answer("0\r\n" + repeated("X-A: " + std::string(90, 'b') + "\r\n", 90)), "bad"},
      {"trailer with a length", "RFC 9110 §6.5.1",
       chunked_answer("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"), "bad"},
      {"trailer folded", "RFC 9112 §5.2", chunked_answer("0\r\nX-A: b\r\n c\r\n\r\n"), "bad"},
  };
}

// Answers whose status or request says that there is no body; and interim ones.
inline std::vector<AnswerForm> bodiless_forms() {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string final_one = answer("Content-Length: 5\r\n", "hello");
  return {
      {"204", "RFC 9110 §15.3.5", "HTTP/1.1 204 No\r\n\r\n", "204 [] open"},
      {"204 with a length", "RFC 9110 §8.6", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
       "204 [] close"},
      {"204 with chunks", "RFC 9112 §6.1",
       "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunks, "204 [] close"},
      {"304 with a length", "RFC 9110 §15.4.5",
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 [] open"},
      {"304 with a body", "RFC 9112 §6.3",
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "304 [] close"},
      {"205 with a body", "RFC 9110 §15.3.6",
       "HTTP/1.1 205 Reset\r\nContent-Length: 5\r\n\r\nhello", "205 [hello] open"},
      {"to head", "RFC 9110 §9.3.2", answer("Content-Length: 5\r\n", ""), "200 [] open", true},
      {"to head, with chunks", "RFC 9110 §9.3.2", chunked_answer(""), "200 [] open", true},
      {"to head, without framing", "RFC 9112 §6.3", answer("", ""), "200 [] open", true},
      {"to head, with a body", "RFC 9112 §6.3", final_one, "200 [] close", true},
      {"to head, with two lengths", "RFC 9112 §6.3",
       answer("Content-Length: 5\r\nContent-Length: 6\r\n", ""), "bad", true},
      {"after 100", "RFC 9110 §15.2", interim + final_one, "200 [hello] open"},
      {"after 103 with fields", "RFC 9110 §15.2",
       "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nLink: </a>\r\n\r\n" + final_one,
       "200 [hello] open"},
      {"interim with close", "RFC 9110 §15.2",
       "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" + final_one, "200 [hello] open"},
      {"interim alone", "RFC 9110 §15.2", interim, "cut"},
      {"interim with two lengths", "RFC 9112 §6.3",
       "HTTP/1.1 100 Continue\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + final_one,
       "bad"},
      {"sixteen interim", "RFC 9110 §15.2", repeated(interim, 16) + final_one, "200 [hello] open"},
      {"flood of interim", "RFC 9110 §15.2", repeated(interim, 17) + final_one, "bad"},
      {"101 unasked", "RFC 9110 §15.2.2",
       "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + final_one,
       "bad"},
  };
}

inline const std::vector<AnswerForm>& all_answer_forms() {
  static const std::vector<AnswerForm> kAll = [] {
    std::vector<AnswerForm> all;
    for (auto part : {status_line_forms(), answer_field_forms(), framing_forms(),
                      answer_chunk_forms(), bodiless_forms()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace openunison::http::testing
