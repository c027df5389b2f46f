// SPDX-License-Identifier: Apache-2.0
//
// Where a body ends, decoded purely and incrementally: by length, by chunks (RFC 9112 §7.1), or by
// the connection's end. No I/O. Trailers are checked and dropped, never merged. Private to http/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/h1/head_parser.h"

namespace openunison::http::h1 {

// RFC 9112 §7.1. A chunk's line is at most 256 bytes, all extensions of a body together 4 KiB, all
// trailers together 4 KiB.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  // bytes taken from the input
    std::string_view data;     // that part of them which is body
  };
  // Takes bytes up to and including one stretch of body. Error: bad_request.
  Result<Step> step(std::string_view input);
  bool done() const { return state_ == State::done; }

 private:
  enum class State { size, data, data_end, trailer, done };
  // Adds input to line_ up to its LF. True: the line is whole, and line_ without its CRLF.
  Result<bool> take_line(std::string_view input, std::size_t limit, std::size_t& consumed);
  Result<void> parse_size_line();
  Result<void> parse_trailer_line();

  State state_ = State::size;
  std::uint64_t left_ = 0;  // of this chunk's data
  std::string line_;
  std::size_t extension_bytes_ = 0, trailer_bytes_ = 0;
};

// A body of any framing.
class BodyDecoder {
 public:
  using Step = ChunkedDecoder::Step;
  BodyDecoder(Framing framing, std::uint64_t length) : framing_(framing), left_(length) {}

  Result<Step> step(std::string_view input);
  // Always false until the connection's end with Framing::until_close.
  bool done() const;
  // Bytes of body that are sure to come; those read elsewhere are taken off with skip().
  std::uint64_t left() const { return left_; }
  void skip(std::uint64_t count) { left_ -= count; }
  Framing framing() const { return framing_; }

 private:
  Framing framing_;
  std::uint64_t left_;  // with Framing::length
  ChunkedDecoder chunked_;
};

}  // namespace openunison::http::h1
