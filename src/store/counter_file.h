// SPDX-License-Identifier: Apache-2.0
//
// The mark outside of the database: a small sealed file, replaced as a whole (temporary file,
// fsync, rename, fsync of the directory). Blocks. Private to store/.
#pragma once

#include <optional>
#include <string>

#include "crypto/seal.h"
#include "store/durable_store.h"

namespace openunison::store {

// What the file says.
struct Counter {
  enum class State { absent, damaged, read };
  State state = State::absent;
  Mark mark;  // where read
};

class CounterFile {
 public:
  CounterFile(std::string file, const crypto::MasterKey& master);

  // Damaged: it doesn't open with the master key, or isn't of this version. Error: unavailable (it
  // can't be read).
  Result<Counter> read() const;
  // Error: unavailable; then the file holds the former mark or, rarely, the new one, whole.
  Result<void> write(Mark mark, crypto::Random& random) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  crypto::Sealer sealer_;
};

}  // namespace openunison::store
