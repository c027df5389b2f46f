// SPDX-License-Identifier: Apache-2.0
//
// The key ring's file: JSON, sealed with a key derived from the master key, mode 0600. Replaced
// whole: temp + fsync + rename + fsync of the directory. Private to jose/.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/seal.h"
#include "jose/key_ring.h"

namespace openunison::jose {

struct StoredKey {
  KeyInfo info;
  Secret pem;
};

// A missing file is an empty list. Error: keys_unavailable.
Result<std::vector<StoredKey>> read_key_file(const std::string& file, const crypto::Sealer& sealer);
Result<void> write_key_file(const std::string& file, const crypto::Sealer& sealer,
                            crypto::Random& random, const std::vector<StoredKey>& keys);

}  // namespace openunison::jose
