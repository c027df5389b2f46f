// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 frames as bytes, right and wrong ones, built without a library (RFC 9113 §4, §6); fields
// as literals without indexing (RFC 7541 §6.2.2), so that anything can be written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openunison::http::testing {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
enum FrameFlag : std::uint8_t {
  kNone = 0,
  kAck = 0x1,
  kEndStream = 0x1,
  kEndHeaders = 0x4,
  kPadded = 0x8,
  kPriorityFlag = 0x20
};
// RFC 9113 §7.
enum ErrorCode : std::uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
  kEnhanceYourCalm = 11,
  kHttp11Required = 13
};

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string text = big_endian(payload.size(), 3);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  return text.append(big_endian(stream, 4)).append(payload);
}

// RFC 7541 §5.1, with the pattern's bits above.
inline std::string hpack_integer(std::uint8_t pattern, int prefix_bits, std::size_t value) {
  const std::size_t most = (1u << prefix_bits) - 1;
  if (value < most) return std::string(1, static_cast<char>(pattern | value));
  std::string text(1, static_cast<char>(pattern | most));
  for (value -= most; value >= 128; value /= 128) text += static_cast<char>(value % 128 | 128);
  return text + static_cast<char>(value);
}
inline std::string hpack_string(std::string_view text) {
  return hpack_integer(0, 7, text.size()).append(text);
}

using FieldList = std::vector<std::pair<std::string, std::string>>;

inline std::string fields(const FieldList& list) {
  std::string block;
  for (const auto& [name, value] : list)
    block.append(1, '\0').append(hpack_string(name)).append(hpack_string(value));
  return block;
}

inline std::string magic() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
}
inline std::string settings(
    const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += big_endian(id, 2) + big_endian(value, 4);
  return frame(kSettings, kNone, 0, payload);
}
inline std::string preface() {
  return magic() + settings();
}

// `fields` of a plain request, by default GET / of example.com; then `more`.
inline FieldList request_fields(FieldList more = {}, std::string method = "GET",
                                std::string path = "/") {
  FieldList list = {{":method", std::move(method)},
                    {":scheme", "http"},
                    {":authority", "example.com"},
                    {":path", std::move(path)}};
  for (auto& each : more) list.push_back(std::move(each));
  return list;
}
inline std::string headers(std::uint32_t stream, const FieldList& list, bool ends = true) {
  return frame(kHeaders, kEndHeaders | (ends ? kEndStream : 0), stream, fields(list));
}
inline std::string h2_get(std::uint32_t stream, std::string path = "/") {
  return headers(stream, request_fields({}, "GET", std::move(path)));
}
inline std::string h2_post(std::uint32_t stream, FieldList more = {}) {
  return headers(stream, request_fields(std::move(more), "POST"), false);
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool ends = false) {
  return frame(kData, ends ? kEndStream : kNone, stream, bytes);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code = kCancel) {
  return frame(kRstStream, kNone, stream, big_endian(code, 4));
}
inline std::string window_update(std::uint32_t stream, std::uint32_t by) {
  return frame(kWindowUpdate, kNone, stream, big_endian(by, 4));
}
inline std::string ping(std::string_view eight = "12345678") {
  return frame(kPing, kNone, 0, eight);
}
inline std::string go_away(std::uint32_t last, std::uint32_t code = kNoError) {
  return frame(kGoAway, kNone, 0, big_endian(last, 4) + big_endian(code, 4));
}

inline std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace openunison::http::testing
