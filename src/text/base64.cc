// SPDX-License-Identifier: Apache-2.0
#include "text/base64.h"

#include <array>
#include <cstdint>

#include "text/error.h"

namespace openunison::text {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reversed(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto kFromStandard = reversed(kStandard);
constexpr auto kFromUrl = reversed(kUrl);

// Of its final size from the start: every token is made of this.
std::string encode(std::string_view bytes, std::string_view alphabet) {
  const std::size_t rest = bytes.size() % 3;
  std::string out(bytes.size() / 3 * 4 + (rest > 0 ? rest + 1 : 0), '\0');
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  char* to = out.data();
  const auto put = [&to, digits = alphabet.data()](std::uint32_t group, unsigned count) {
    for (unsigned i = 0; i < count; ++i) *to++ = digits[(group >> (18 - 6 * i)) & 63];
  };
  for (const auto* end = from + bytes.size() - rest; from != end; from += 3)
    put(std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2], 4);
  if (rest == 1) put(std::uint32_t{from[0]} << 16, 2);
  if (rest == 2) put(std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8, 3);
  return out;
}

Result<std::string> decode(std::string_view text, const std::array<std::int8_t, 256>& table) {
  if (text.size() % 4 == 1) return fail(Errc::bad_base64, "the base64 text has a wrong length");
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::int8_t value = table[static_cast<unsigned char>(c)];
    if (value < 0)
      return fail(Errc::bad_base64, "the base64 text has a character that doesn't belong there");
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits);
    }
  }
  if ((buffer & ((1u << bits) - 1)) != 0)
    return fail(Errc::bad_base64, "the base64 text ends in stray bits");
  return out;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out = encode(bytes, kStandard);
  while (out.size() % 4 != 0) out += '=';
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Errc::bad_base64, "the base64 text has a wrong length");
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, kFromStandard);
}

std::string base64url_encode(std::string_view bytes) {
  return encode(bytes, kUrl);
}
Result<std::string> base64url_decode(std::string_view text) {
  return decode(text, kFromUrl);
}

}  // namespace openunison::text
