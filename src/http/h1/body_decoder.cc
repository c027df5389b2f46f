// SPDX-License-Identifier: Apache-2.0
#include "http/h1/body_decoder.h"

#include <algorithm>

#include "http/syntax.h"

namespace openunison::http::h1 {
namespace {

constexpr std::size_t kMaxSizeLine = 256;
constexpr std::size_t kMaxExtensions = 4096;
constexpr std::size_t kMaxTrailers = 4096;
constexpr std::size_t kMaxSizeDigits = 16;  // of 64 bits

std::unexpected<Error> bad(const char* why) {
  return fail(Errc::bad_request, why);
}

// The length of the quoted string that `text` begins with (RFC 9110 §5.6.4); 0: it is none.
std::size_t quoted_string_length(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return is_field_value(text.substr(0, i + 1)) ? i + 1 : 0;
    if (text[i] == '\\') ++i;
  }
  return 0;
}

// *( ";" name [ "=" value ] ), without white space, which two readers may understand in two ways
// (RFC 9112 §7.1.1).
bool are_extensions(std::string_view text) {
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    const std::size_t name_end = std::min(text.find_first_of("=;"), text.size());
    if (!is_token(text.substr(0, name_end))) return false;
    text.remove_prefix(name_end);
    if (!text.starts_with('=')) continue;
    text.remove_prefix(1);
    const bool quoted = text.starts_with('"');
    const std::size_t length =
        quoted ? quoted_string_length(text) : std::min(text.find(';'), text.size());
    if (quoted ? length == 0 : !is_token(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::step(std::string_view input) {
  Step step;
  while (step.consumed < input.size() && state_ != State::done) {
    const std::string_view rest = input.substr(step.consumed);
    switch (state_) {
      case State::size:
        if (TRY(take_line(rest, kMaxSizeLine, step.consumed))) TRY_VOID(parse_size_line());
        break;
      case State::data: {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
        step.data = rest.substr(0, count);
        step.consumed += count;
        left_ -= count;
        if (left_ == 0) state_ = State::data_end;
        return step;
      }
      case State::data_end:
        // One byte at a time, so that the answer doesn't hang on how the bytes came.
        if (rest.front() != (line_.empty() ? '\r' : '\n'))
          return bad("a chunk isn't followed by CR and LF (RFC 9112 §7.1)");
        line_ += rest.front();
        ++step.consumed;
        if (line_.size() == 2) {
          line_.clear();
          state_ = State::size;
        }
        break;
      case State::trailer:
        if (TRY(take_line(rest, kMaxTrailers - trailer_bytes_, step.consumed)))
          TRY_VOID(parse_trailer_line());
        break;
      case State::done:
        break;
    }
  }
  return step;
}

Result<bool> ChunkedDecoder::take_line(std::string_view input, std::size_t limit,
                                       std::size_t& consumed) {
  const std::size_t line_feed = input.find('\n');
  const bool whole = line_feed != std::string_view::npos;
  const std::string_view part = input.substr(0, line_feed);
  if (line_.size() + part.size() > limit)
    return bad("a chunk's line or the trailers are too long (RFC 9112 §7.1)");
  line_.append(part);
  consumed += part.size() + (whole ? 1 : 0);
  if (!whole) return false;
  if (!line_.ends_with('\r')) return bad("a chunk's line has an LF without CR (RFC 9112 §7.1)");
  line_.pop_back();
  return true;
}

Result<void> ChunkedDecoder::parse_size_line() {
  std::size_t digits = 0;
  left_ = 0;
  while (digits < line_.size() && hex_value(line_[digits]) >= 0) {
    if (digits == kMaxSizeDigits) return bad("a chunk's size is out of range (RFC 9112 §7.1)");
    left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(line_[digits++]));
  }
  if (digits == 0) return bad("a chunk has no size (RFC 9112 §7.1)");
  const std::string_view extensions = std::string_view(line_).substr(digits);
  extension_bytes_ += extensions.size();
  if (extension_bytes_ > kMaxExtensions)
    return bad("there are too many chunk extensions (RFC 9112 §7.1.1)");
  if (!are_extensions(extensions)) return bad("a chunk's size line is not valid (RFC 9112 §7.1.1)");
  line_.clear();
  state_ = left_ > 0 ? State::data : State::trailer;
  return {};
}

Result<void> ChunkedDecoder::parse_trailer_line() {
  if (line_.empty()) {
    state_ = State::done;
    return {};
  }
  Headers dropped;
  TRY_VOID(parse_field_line(line_, dropped));
  // What it says is dropped, but the next reader may not drop it.
  if (dropped.contains("content-length") || dropped.contains("transfer-encoding"))
    return bad("a trailer is about the message's framing (RFC 9110 §6.5.1)");
  trailer_bytes_ += line_.size() + 2;
  if (trailer_bytes_ > kMaxTrailers)
    return bad("a chunk's line or the trailers are too long (RFC 9112 §7.1)");
  line_.clear();
  return {};
}

Result<BodyDecoder::Step> BodyDecoder::step(std::string_view input) {
  switch (framing_) {
    case Framing::none:
      return Step{};
    case Framing::chunked:
      return chunked_.step(input);
    case Framing::until_close:
      return Step{input.size(), input};
    case Framing::length:
      break;
  }
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= count;
  return Step{count, input.substr(0, count)};
}

bool BodyDecoder::done() const {
  switch (framing_) {
    case Framing::none:
      return true;
    case Framing::length:
      return left_ == 0;
    case Framing::chunked:
      return chunked_.done();
    case Framing::until_close:
      return false;
  }
  return true;
}

}  // namespace openunison::http::h1
