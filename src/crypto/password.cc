// SPDX-License-Identifier: Apache-2.0
#include "crypto/password.h"

#include <argon2.h>

#include <charconv>
#include <optional>

#include "base/base64.h"
#include "base/check.h"
#include "crypto/error.h"
#include "crypto/hash.h"

namespace openunison::crypto {
namespace {

constexpr std::size_t kSaltBytes = 16, kHashBytes = 32;
// What verify_password accepts of others' hashes.
constexpr std::size_t kMinSaltBytes = 8, kMaxSaltBytes = 64, kMinHashBytes = 16, kMaxHashBytes = 64;
constexpr unsigned kMaxMemoryKib = 1u << 20, kMaxIterations = 64, kMaxLanes = 16;
constexpr std::string_view kPrefix = "$argon2id$v=19$";

struct ParsedHash {
  Argon2Cost cost;
  std::string salt, hash;
};

// Reads "m=19456," as 19456 and moves `text` past it: a decimal number from 1 to `limit` without
// leading zeros, between `name` and `end`.
std::optional<unsigned> read_number(std::string_view& text, std::string_view name, char end,
                                    unsigned limit) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  const std::string_view digits = text.substr(0, text.find(end));
  if (digits.size() == text.size() || digits.starts_with('0')) return std::nullopt;
  unsigned value = 0;
  const auto [stop, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = failed == std::errc() && stop == digits.data() + digits.size();
  if (!whole || value > limit) return std::nullopt;
  text.remove_prefix(digits.size() + 1);
  return value;
}

std::optional<ParsedHash> parse(std::string_view encoded) {
  if (!encoded.starts_with(kPrefix)) return std::nullopt;
  encoded.remove_prefix(kPrefix.size());
  const auto memory = read_number(encoded, "m=", ',', kMaxMemoryKib);
  const auto iterations = read_number(encoded, "t=", ',', kMaxIterations);
  const auto lanes = read_number(encoded, "p=", '$', kMaxLanes);
  if (!memory || !iterations || !lanes || *memory < 8 * *lanes)
    return std::nullopt;  // RFC 9106 §3.1
  const std::size_t split = encoded.find('$');
  if (split == std::string_view::npos) return std::nullopt;
  auto salt = base64_decode_unpadded(encoded.substr(0, split));
  auto hash = base64_decode_unpadded(encoded.substr(split + 1));
  if (!salt || salt->size() < kMinSaltBytes || salt->size() > kMaxSaltBytes) return std::nullopt;
  if (!hash || hash->size() < kMinHashBytes || hash->size() > kMaxHashBytes) return std::nullopt;
  return ParsedHash{{*memory, *iterations, *lanes}, std::move(*salt), std::move(*hash)};
}

std::unexpected<Error> not_a_hash() {
  return fail(
      Errc::bad_password_hash,
      "not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash) of acceptable cost");
}

}  // namespace

std::string hash_password(const Secret& password, Random& random, Argon2Cost cost) {
  const std::string salt = random.bytes(kSaltBytes);
  std::string encoded(argon2_encodedlen(cost.iterations, cost.memory_kib, cost.lanes, kSaltBytes,
                                        kHashBytes, Argon2_id),
                      '\0');
  const int made =
      argon2id_hash_encoded(cost.iterations, cost.memory_kib, cost.lanes, password.reveal().data(),
                            password.reveal().size(), salt.data(), salt.size(), kHashBytes,
                            encoded.data(), encoded.size());
  CHECK(made == ARGON2_OK);
  encoded.resize(encoded.find('\0'));
  return encoded;
}

Result<void> check_password_hash(std::string_view encoded) {
  if (!parse(encoded)) return not_a_hash();
  return {};
}

Result<bool> verify_password(const Secret& password, std::string_view encoded) {
  const auto wanted = parse(encoded);
  if (!wanted) return not_a_hash();
  std::string hash(wanted->hash.size(), '\0');
  const int made =
      argon2id_hash_raw(wanted->cost.iterations, wanted->cost.memory_kib, wanted->cost.lanes,
                        password.reveal().data(), password.reveal().size(), wanted->salt.data(),
                        wanted->salt.size(), hash.data(), hash.size());
  if (made != ARGON2_OK) {
    return fail(Errc::library, std::string("argon2: ") + argon2_error_message(made));
  }
  return constant_time_equal(hash, wanted->hash);
}

}  // namespace openunison::crypto
