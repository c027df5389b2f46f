// SPDX-License-Identifier: Apache-2.0
//
// Id<Tag>: 128 random bits that name one thing; ids of different things are different types.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace openunison {

std::string id_to_text(const std::array<std::uint8_t, 16>& bytes);
std::optional<std::array<std::uint8_t, 16>> id_from_text(std::string_view text);

template <class Tag>
struct Id {
  std::array<std::uint8_t, 16> bytes{};

  // 22 characters of base64url, no padding (RFC 4648 §5).
  std::string text() const { return id_to_text(bytes); }
  // nullopt unless `text` is exactly what text() prints for some id.
  static std::optional<Id> parse(std::string_view text) {
    auto bytes = id_from_text(text);
    if (!bytes) return std::nullopt;
    return Id{*bytes};
  }
  // The 16 bytes as characters, for stores and MACs.
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  auto operator<=>(const Id&) const = default;
};

}  // namespace openunison

template <class Tag>
struct std::hash<openunison::Id<Tag>> {
  std::size_t operator()(const openunison::Id<Tag>& id) const noexcept {
    std::size_t value;
    std::memcpy(&value, id.bytes.data(), sizeof value);  // the bytes are random already
    return value;
  }
};
