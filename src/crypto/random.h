// SPDX-License-Identifier: Apache-2.0
//
// Random: the one source of unpredictable bytes, injected so that tests can repeat themselves.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/id.h"

namespace openunison::crypto {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  std::string bytes(std::size_t count);
  // `bytes` random bytes as base64url without padding; 32 gives 43 characters.
  std::string token(std::size_t bytes = 32);
  template <class Tag>
  Id<Tag> id() {
    Id<Tag> result;
    fill(result.bytes);
    return result;
  }
};

// OpenSSL's generator; thread-safe; aborts the process if it can't be seeded.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

// For tests: a reproducible sequence. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

}  // namespace openunison::crypto
