// SPDX-License-Identifier: Apache-2.0
//
// What stands behind PublicKey and PrivateKey. Private to crypto/.
#pragma once

#include <array>

#include "crypto/key.h"
#include "crypto/openssl.h"

namespace openunison::crypto {

inline constexpr std::size_t kAlgorithmCount = 9;

// A context set up for each algorithm that fits the key, empty for the others. Setting one up costs
// several look-ups by name, so it is done once a key; each use works on a duplicate. Duplicating
// only reads, so any number of threads may do it at once.
using PreparedContexts = std::array<DigestContextPtr, kAlgorithmCount>;

struct PublicKey::Impl {
  KeyPtr key;
  KeyKind kind;
  PreparedContexts verifying;
};

struct PrivateKey::Impl {
  KeyPtr key;
  KeyKind kind;
  PreparedContexts signing;
  PublicKey public_key;  // holds the public numbers alone, so it may outlive this
};

// Takes a key into use if it is one that we accept: kind, size, exponent and curve, the point on
// its curve, and for a private key that its two halves belong together. Error: bad_key.
Result<PublicKey> adopt_public(KeyPtr key);
Result<PrivateKey> adopt_private(KeyPtr key);

}  // namespace openunison::crypto
