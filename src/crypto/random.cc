// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "base/base64.h"
#include "crypto/openssl.h"

namespace openunison::crypto {

std::string Random::bytes(std::size_t count) {
  std::string out(count, '\0');
  fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

std::string Random::token(std::size_t count) {
  return base64url_encode(bytes(count));
}

namespace {

void from_openssl(std::span<std::uint8_t> out) {
  CHECK(out.size() < (1u << 30));
  CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

// Counts forks, so that parent and child never hand out the same bytes.
std::atomic<unsigned>& forks() {
  static std::atomic<unsigned> count = [] {
    CHECK(pthread_atfork(nullptr, nullptr, [] { forks().fetch_add(1); }) == 0);
    return 0u;
  }();
  return count;
}

// Of a thread: asking OpenSSL for a few bytes costs as much as for a few hundred, and a system
// call. What was handed out is wiped at once, so that memory doesn't tell earlier tokens.
class Stock {
 public:
  static constexpr std::size_t kLargest = 64;

  Stock() = default;
  Stock(const Stock&) = delete;
  Stock& operator=(const Stock&) = delete;
  ~Stock() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  void take(std::span<std::uint8_t> out) {
    const unsigned forks_now = forks().load(std::memory_order_relaxed);
    if (bytes_.size() - taken_ < out.size() || forks_ != forks_now) {
      from_openssl(bytes_);
      taken_ = 0;
      forks_ = forks_now;
    }
    const std::span<std::uint8_t> next = std::span(bytes_).subspan(taken_, out.size());
    std::ranges::copy(next, out.begin());
    OPENSSL_cleanse(next.data(), next.size());
    taken_ += out.size();
  }

 private:
  std::array<std::uint8_t, 512> bytes_{};
  std::size_t taken_ = bytes_.size();
  unsigned forks_ = 0;
};

}  // namespace

void SystemRandom::fill(std::span<std::uint8_t> out) {
  if (out.size() > Stock::kLargest) return from_openssl(out);
  thread_local Stock stock;
  stock.take(out);
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
