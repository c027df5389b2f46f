// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 heads (RFC 9112 §2-§6), parsed purely and incrementally: bytes in; more needed, a head,
// or an error out. What comes whole and what comes byte by byte is read the same, for each line is
// looked at once, when it is whole. Refuses, never repairs; error messages name the RFC's section
// and never the input. No I/O, no clock. Private to http/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/limits.h"
#include "http/message.h"

namespace openunison::http::h1 {

// How the end of a body is found (RFC 9112 §6.3).
enum class Framing { none, length, chunked, until_close };

struct ParsedRequest {
  std::string method;
  Authority authority;
  std::string path, query;
  Headers headers;  // without the connection's and the framing's own fields
  int minor = 1;    // HTTP/1.minor
  Framing framing = Framing::none;
  std::uint64_t length = 0;  // with Framing::length
  bool keep_alive = true;
  bool expects_continue = false;
  std::string
      upgrade;  // the token of Upgrade, lower case, if Connection names it and there is no body
};

struct ParsedResponse {
  int status = 0;
  Headers headers;  // without the connection's own fields; content-length is kept
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
};

// Finds the lines of a head in a growing buffer. Errors: bad_request (a bare LF or CR),
// target_too_long (the first line), header_too_large (the rest).
class HeadLines {
 public:
  HeadLines(std::size_t first_line_bytes, std::size_t other_bytes)
      : first_line_bytes_(first_line_bytes), other_bytes_(other_bytes) {}
  // The next line without its CRLF; nullopt: more bytes are needed.
  Result<std::optional<std::string_view>> next(std::string_view buffer);
  // Bytes of all lines that next() gave.
  std::size_t consumed() const { return line_; }

 private:
  std::size_t first_line_bytes_, other_bytes_;
  std::size_t first_end_ = 0;  // where the first line ended
  std::size_t line_ = 0;       // where the present line begins
  std::size_t searched_ = 0;   // no LF before this
};

class RequestParser {
 public:
  // `limits` outlives the parser. `secure` gives the default port and the scheme of absolute-form.
  RequestParser(const Limits& limits, bool secure);

  // `buffer` begins with the head and only grows between calls. True: the head is whole. After an
  // error the parser is of no more use. Errors: bad_request, bad_target, target_too_long,
  // header_too_large, not_implemented (501), version_not_supported (505).
  Result<bool> parse(std::string_view buffer);
  // Of the buffer, by the whole head.
  std::size_t consumed() const { return lines_.consumed(); }
  // The head, once; the parser then waits for the next one.
  ParsedRequest take();

 private:
  Result<void> parse_request_line(std::string_view line);
  Result<void> parse_target(std::string_view target);
  Result<void> finish();

  const Limits& limits_;
  bool secure_;
  HeadLines lines_;
  bool has_request_line_ = false;
  std::optional<Authority> target_authority_;  // of absolute-form
  ParsedRequest head_;
};

class ResponseParser {
 public:
  // `to_head`: the request was HEAD, so that no body follows whatever the head says.
  ResponseParser(const Limits& limits, bool to_head);

  // As RequestParser's. Error: bad_gateway.
  Result<bool> parse(std::string_view buffer);
  std::size_t consumed() const { return lines_.consumed(); }
  ParsedResponse take();

 private:
  Result<bool> parse_lines(std::string_view buffer);
  Result<void> parse_status_line(std::string_view line);
  Result<void> finish();

  const Limits& limits_;
  bool to_head_;
  HeadLines lines_;
  bool has_status_line_ = false;
  int minor_ = 1;
  ParsedResponse head_;
};

// Checks a field line and adds it (RFC 9112 §5). Error: bad_request.
Result<void> parse_field_line(std::string_view line, Headers& headers);

}  // namespace openunison::http::h1
