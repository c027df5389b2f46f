// SPDX-License-Identifier: Apache-2.0
//
// Keys derived from the master key, and sealing (AES-256-GCM, random 96-bit nonce).
// A sealed text opens only with the purpose that it was sealed for. Immutable after creation;
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/random.h"

namespace openunison::crypto {

// OU_MASTER_KEY and, while it is being replaced, OU_MASTER_KEY.previous.
class MasterKey {
 public:
  // Standard base64 (padding optional, white space around it ignored) of exactly 32 bytes each.
  // Errors: bad_key, saying which of the two and how to make one.
  static Result<MasterKey> create(const Secret& current, const Secret* previous = nullptr);

  // HKDF-SHA256(key, info = "openunison/" + label): 32 bytes; current first, then previous.
  std::vector<Secret> derive(std::string_view label) const;

 private:
  std::vector<Secret> keys_;
};

class Sealer {
 public:
  // Derives its keys with label "seal/" + purpose.
  Sealer(const MasterKey& master, std::string_view purpose);

  // nonce(12) ‖ ciphertext ‖ tag(16), as base64url without padding.
  std::string seal(std::string_view plaintext, Random& random,
                   std::string_view associated = {}) const;
  // The same as raw bytes, for stores and files.
  std::string seal_raw(std::string_view plaintext, Random& random,
                       std::string_view associated = {}) const;
  // Tries the current key, then the previous one. Error: bad_seal (no detail, on purpose).
  Result<std::string> open(std::string_view sealed, std::string_view associated = {}) const;
  Result<std::string> open_raw(std::string_view sealed, std::string_view associated = {}) const;

 private:
  std::vector<Secret> keys_;
};

}  // namespace openunison::crypto
