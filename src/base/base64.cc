// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/wipe.h"

namespace openunison {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::uint8_t kNone = 0xff;  // no digit: above all of six bits, also when it is or-ed

using Values = std::array<std::uint8_t, 256>;
constexpr Values values_of(std::string_view alphabet) {
  Values values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr Values kFromStandard = values_of(kStandard);
constexpr Values kFromUrl = values_of(kUrl);

std::size_t encoded_size(std::size_t bytes) {
  return bytes / 3 * 4 + (bytes % 3 > 0 ? bytes % 3 + 1 : 0);
}

void encode(char* to, std::string_view bytes, const char* digits) {
  const auto put = [&to, digits](std::uint32_t group, unsigned count) {
    for (unsigned i = 0; i < count; ++i) *to++ = digits[(group >> (18 - 6 * i)) & 63];
  };
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t rest = bytes.size() % 3;
  for (const auto* end = from + bytes.size() - rest; from != end; from += 3)
    put(std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2], 4);
  if (rest == 1) put(std::uint32_t{from[0]} << 16, 2);
  if (rest == 2) put(std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8, 3);
}

bool decode(char* to, std::string_view text, const Values& values) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return false;
  const auto* from = reinterpret_cast<const unsigned char*>(text.data());
  std::uint32_t seen = 0;  // the values or-ed: over 63 if one of them is none
  const auto take = [&](unsigned count) {
    std::uint32_t group = 0;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint32_t value = values[*from++];
      seen |= value;
      group = group << 6 | value;
    }
    return group;
  };
  const auto put = [&to](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
  for (std::size_t groups = text.size() / 4; groups > 0; --groups) {
    const std::uint32_t group = take(4);
    put(group >> 16);
    put(group >> 8);
    put(group);
  }
  std::uint32_t stray = 0;  // bits after the last byte must be zero
  if (rest == 2) {
    const std::uint32_t group = take(2);
    put(group >> 4);
    stray = group & 0xf;
  } else if (rest == 3) {
    const std::uint32_t group = take(3);
    put(group >> 10);
    put(group >> 2);
    stray = group & 0x3;
  }
  return seen < 64 && stray == 0;
}

std::optional<std::string> decoded(std::string_view text, const Values& values) {
  std::string bytes(text.size() * 3 / 4, '\0');
  if (decode(bytes.data(), text, values)) return bytes;
  wipe_bytes(bytes.data(), bytes.size());
  return std::nullopt;
}

std::string encoded(std::string_view bytes, std::string_view alphabet) {
  std::string text(encoded_size(bytes.size()), '\0');
  encode(text.data(), bytes, alphabet.data());
  return text;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text = encoded(bytes, kStandard);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decoded(text, kFromStandard);
}

std::optional<std::string> base64_decode_unpadded(std::string_view text) {
  return decoded(text, kFromStandard);
}

std::optional<std::string> base64_decode_loosely(std::string_view text) {
  std::string digits;
  digits.reserve(text.size());  // so that there is one copy to wipe
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') digits += c;
  }
  auto bytes = digits.ends_with('=') ? base64_decode(digits) : base64_decode_unpadded(digits);
  wipe_bytes(digits.data(), digits.size());
  return bytes;
}

std::string base64url_encode(std::string_view bytes) {
  return encoded(bytes, kUrl);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decoded(text, kFromUrl);
}

void base64url_encode_to(char* to, std::string_view bytes) {
  encode(to, bytes, kUrl.data());
}

bool base64url_decode_to(char* to, std::string_view text) {
  return decode(to, text, kFromUrl);
}

}  // namespace openunison
