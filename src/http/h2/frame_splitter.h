// SPDX-License-Identifier: Apache-2.0
//
// Cuts the bytes of an HTTP/2 connection where frames begin and end (RFC 9113 §4.1), so that rules
// of ours are looked at before nghttp2 sees a frame and with all frames before it done. nghttp2's
// own callback leaves out the frames that it ignores. No I/O. Private to http/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace openunison::http::h2 {

// RFC 9113 §6.
namespace frame_type {
inline constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kResetStream = 3,
                              kSettings = 4, kPing = 6, kContinuation = 9;
}
namespace frame_flag {
inline constexpr std::uint8_t kAcknowledge = 0x1, kEndStream = 0x1, kEndHeaders = 0x4,
                              kPadded = 0x8;
}

struct FrameHeader {
  std::uint32_t length = 0;  // of the payload
  std::uint8_t type = 0, flags = 0;
  std::int32_t stream = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

class FrameSplitter {
 public:
  static constexpr std::size_t kHeaderSize = 9;

  // `preface`: so many bytes come before the first frame.
  explicit FrameSplitter(std::size_t preface) : preface_left_(preface) {}

  struct Piece {
    enum class Kind { preface, header, payload };
    Kind kind;
    std::string_view bytes;  // valid until the next call, and as long as the input
    bool ends_frame;
  };
  // Moves `input` on behind the next piece. A header is given whole. False: `input` is used up.
  bool next(std::string_view& input, Piece& piece);

  // Of the frame that the last piece belongs to.
  const FrameHeader& header() const { return header_; }
  // The first bytes of its payload so far, at most four.
  std::string_view prefix() const { return {prefix_.data(), prefix_size_}; }

 private:
  void read_header();

  std::size_t preface_left_;
  std::array<char, kHeaderSize> raw_{};
  std::size_t raw_size_ = 0;
  FrameHeader header_;
  std::uint32_t payload_left_ = 0;
  std::array<char, 4> prefix_{};
  std::size_t prefix_size_ = 0;
};

}  // namespace openunison::http::h2
