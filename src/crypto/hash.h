// SPDX-License-Identifier: Apache-2.0
//
// Digests, MACs, key derivation, constant-time comparison. Byte strings are std::string(_view).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace openunison::crypto {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
std::string sha384(std::string_view data);
std::string sha512(std::string_view data);
// RFC 2104 with SHA-256.
Sha256 hmac_sha256(std::string_view key, std::string_view data);
// RFC 5869 with SHA-256; `length` ≤ 255 × 32 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length);

// Time depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

inline std::string_view view(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
std::string hex(std::string_view bytes);  // lower case

}  // namespace openunison::crypto
