// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

namespace openunison {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;  // 128 bits, six a character; the last carries two

constexpr auto kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

}  // namespace

std::string id_to_text(const std::array<std::uint8_t, 16>& bytes) {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const std::uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += kAlphabet[(buffer >> (bits - 6)) & 63];
  }
  text += kAlphabet[(buffer << (6 - bits)) & 63];
  return text;
}

std::optional<std::array<std::uint8_t, 16>> id_from_text(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::uint32_t buffer = 0;
  int bits = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = static_cast<std::uint8_t>(buffer >> bits);
    }
  }
  const bool trailing_bits_are_zero = (buffer & ((1u << bits) - 1)) == 0;
  if (!trailing_bits_are_zero) return std::nullopt;
  return bytes;
}

}  // namespace openunison
