// SPDX-License-Identifier: Apache-2.0
#include "http/h2/frame_splitter.h"

#include <algorithm>

namespace openunison::http::h2 {

bool FrameSplitter::next(std::string_view& input, Piece& piece) {
  if (input.empty()) return false;
  const auto take = [&](std::size_t wanted) {
    const std::string_view taken = input.substr(0, wanted);
    input.remove_prefix(taken.size());
    return taken;
  };
  if (preface_left_ > 0) {
    piece = {Piece::Kind::preface, take(preface_left_), false};
    preface_left_ -= piece.bytes.size();
    return true;
  }
  if (payload_left_ > 0) {
    const std::string_view bytes = take(payload_left_);
    prefix_size_ += bytes.copy(prefix_.data() + prefix_size_, prefix_.size() - prefix_size_);
    payload_left_ -= static_cast<std::uint32_t>(bytes.size());
    piece = {Piece::Kind::payload, bytes, payload_left_ == 0};
    return true;
  }
  const std::string_view bytes = take(kHeaderSize - raw_size_);
  raw_size_ += bytes.copy(raw_.data() + raw_size_, bytes.size());
  if (raw_size_ < kHeaderSize) return false;
  raw_size_ = 0;
  read_header();
  piece = {Piece::Kind::header, {raw_.data(), kHeaderSize}, payload_left_ == 0};
  return true;
}

void FrameSplitter::read_header() {
  const auto byte = [this](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(raw_[at]));
  };
  header_.length = byte(0) << 16 | byte(1) << 8 | byte(2);
  header_.type = static_cast<std::uint8_t>(byte(3));
  header_.flags = static_cast<std::uint8_t>(byte(4));
  // The first bit is reserved.
  header_.stream =
      static_cast<std::int32_t>((byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
  payload_left_ = header_.length;
  prefix_size_ = 0;
}

}  // namespace openunison::http::h2
