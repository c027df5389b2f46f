// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <openssl/rand.h>

#include "crypto/base64url.h"
#include "crypto/openssl.h"

namespace openunison::crypto {

std::string Random::bytes(std::size_t count) {
  std::string out(count, '\0');
  fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

std::string Random::token(std::size_t count) {
  return encode_base64url(bytes(count));
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
  CHECK(out.size() < (1u << 30));
  CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

// SplitMix64: a few lines, and good enough to tell ids apart.
void SeededRandom::fill(std::span<std::uint8_t> out) {
  for (std::uint8_t& byte : out) {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    byte = static_cast<std::uint8_t>(mixed >> 56);
  }
}

}  // namespace openunison::crypto
