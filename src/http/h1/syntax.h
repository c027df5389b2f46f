// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 heads (RFC 9112), parsed purely: bytes in, a head or an error out. Refuses, never repairs. The caller buffers
// until the empty line; what comes in one piece or byte by byte is read the same. Private to http/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/limits.h"
#include "http/message.h"

namespace openunison::http::h1 {

enum class Framing { none, length, chunked, until_close };

struct RequestHead {
  std::string method;
  Authority authority;
  std::string path, query;
  Headers headers;
  int minor = 1;                 // HTTP/1.minor
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string upgrade;           // token of Upgrade, lower case, if Connection names it
};

struct ResponseHead {
  int status = 0;
  Headers headers;
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
};

// Watches the bytes of a head as they come. `complete`: the length including the empty line, once it is there.
// Errors: bad_request (a bare CR or LF, a NUL), target_too_long, header_too_large.
class HeadScanner {
 public:
  explicit HeadScanner(const Limits& limits) : limits_(limits) {}
  Result<std::optional<std::size_t>> scan(std::string_view buffer);
  void reset() { *this = HeadScanner(limits_); }
  HeadScanner& operator=(const HeadScanner& other) {
    at_ = other.at_;
    line_start_ = other.line_start_;
    first_line_ = other.first_line_;
    return *this;
  }

 private:
  const Limits& limits_;
  std::size_t at_ = 0, line_start_ = 0, first_line_ = 0;
};

// `head` as HeadScanner found it. `secure` gives the default port. Error messages name the RFC's section.
Result<RequestHead> parse_request(std::string_view head, const Limits& limits, bool secure);
// `head_request`: the request was HEAD, so no body follows.
Result<ResponseHead> parse_response(std::string_view head, const Limits& limits, bool head_request);

// Decodes a chunked body (RFC 9112 §7.1) incrementally. Trailers are checked and dropped.
class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;      // bytes taken from the input
    std::string_view data;         // part of the input that is body
    bool done = false;
  };
  // Takes what it can; consumed may be 0 only for empty input. Error: bad_request.
  Result<Step> step(std::string_view input);

 private:
  enum class State { size, size_end, data, data_cr, data_lf, trailer, trailer_lf, done };
  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::size_t line_ = 0;           // bytes of the line being read
  std::size_t digits_ = 0;
  bool extension_ = false;
  std::string trailer_;
  std::size_t trailer_bytes_ = 0;
};

// The bytes of a response's head up to and including the empty line. `reason` phrases are left empty but for the space.
void append_response_head(std::string& out, const http::ResponseHead& head, Framing framing, std::uint64_t length, bool keep_alive,
                          std::string_view date);

bool is_token(std::string_view text);
bool is_field_value(std::string_view text);

}  // namespace openunison::http::h1
