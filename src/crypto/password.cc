// SPDX-License-Identifier: Apache-2.0
#include "crypto/password.h"

#include <argon2.h>

#include <charconv>

#include "base/check.h"
#include "crypto/error.h"

namespace openunison::crypto {
namespace {

constexpr std::size_t kSaltBytes = 16, kHashBytes = 32;
constexpr std::string_view kPrefix = "$argon2id$v=19$";

// "m=19456" → 19456 and moves `text` past it and the following `end`.
bool read_number(std::string_view& text, std::string_view name, char end, unsigned limit) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  unsigned value = 0;
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto used = static_cast<std::size_t>(stop - text.data());
  if (failed != std::errc() || value == 0 || value > limit || used >= text.size() || text[used] != end) return false;
  text.remove_prefix(used + 1);
  return true;
}

}  // namespace

std::string hash_password(const Secret& password, Random& random, Argon2Cost cost) {
  const std::string salt = random.bytes(kSaltBytes);
  std::string encoded(argon2_encodedlen(cost.iterations, cost.memory_kib, cost.lanes, kSaltBytes, kHashBytes, Argon2_id),
                      '\0');
  const int made = argon2id_hash_encoded(cost.iterations, cost.memory_kib, cost.lanes, password.reveal().data(),
                                         password.reveal().size(), salt.data(), salt.size(), kHashBytes, encoded.data(),
                                         encoded.size());
  CHECK(made == ARGON2_OK);
  encoded.resize(encoded.find('\0'));
  return encoded;
}

Result<void> check_password_hash(std::string_view encoded) {
  std::string_view rest = encoded;
  if (rest.starts_with(kPrefix) && encoded.size() <= 512) {
    rest.remove_prefix(kPrefix.size());
    if (read_number(rest, "m=", ',', 1u << 20) && read_number(rest, "t=", ',', 64) && read_number(rest, "p=", '$', 16) &&
        rest.find('$') != std::string_view::npos && rest.find('$') == rest.rfind('$')) {
      return {};
    }
  }
  return fail(Errc::bad_password_hash, "not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash)");
}

Result<bool> verify_password(const Secret& password, std::string_view encoded) {
  TRY_VOID(check_password_hash(encoded));
  const std::string text(encoded);
  const int verified = argon2id_verify(text.c_str(), password.reveal().data(), password.reveal().size());
  if (verified == ARGON2_OK) return true;
  if (verified == ARGON2_VERIFY_MISMATCH) return false;
  return fail(Errc::bad_password_hash, std::string("the password hash can't be used: ") + argon2_error_message(verified));
}

}  // namespace openunison::crypto
