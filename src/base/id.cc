// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include "base/base64.h"

namespace openunison {
namespace {

constexpr std::size_t kTextLength = 22;  // 128 bits, six a character; the last carries two

}  // namespace

std::string id_to_text(const std::array<std::uint8_t, 16>& bytes) {
  std::string text(kTextLength, '\0');
  base64url_encode_to(text.data(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return text;
}

std::optional<std::array<std::uint8_t, 16>> id_from_text(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  if (text.size() != kTextLength ||
      !base64url_decode_to(reinterpret_cast<char*>(bytes.data()), text))
    return std::nullopt;
  return bytes;
}

}  // namespace openunison
