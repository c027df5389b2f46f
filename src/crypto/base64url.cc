// SPDX-License-Identifier: Apache-2.0
#include "crypto/base64url.h"

#include <openssl/crypto.h>

#include <array>
#include <cstdint>

namespace openunison::crypto {
namespace {

constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> reversed(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto kFromUrl = reversed(kUrl);
constexpr auto kFromStandard = reversed(kStandard);

std::optional<std::string> decode(std::string_view text,
                                  const std::array<std::int8_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::int8_t value = table[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits);
    }
  }
  if ((buffer & ((1u << bits) - 1)) != 0) return std::nullopt;  // trailing bits must be zero
  return out;
}

}  // namespace

std::string encode_base64url(std::string_view data) {
  std::string out((data.size() * 4 + 2) / 3, '\0');
  char* to = out.data();
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : data) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) *to++ = kUrl[(buffer >> (bits - 6)) & 63];
  }
  if (bits > 0) *to = kUrl[(buffer << (6 - bits)) & 63];
  return out;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  return decode(text, kFromUrl);
}

std::optional<std::string> decode_base64_unpadded(std::string_view text) {
  return decode(text, kFromStandard);
}

std::optional<std::string> decode_base64_loosely(std::string_view text) {
  std::string stripped;
  stripped.reserve(text.size());  // keys pass here: one copy, wiped below
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') stripped += c;
  }
  std::string_view digits = stripped;
  if (digits.size() % 4 == 0) {
    for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.remove_suffix(1);
  }
  auto decoded = decode(digits, kFromStandard);
  OPENSSL_cleanse(stripped.data(), stripped.size());
  return decoded;
}

}  // namespace openunison::crypto
