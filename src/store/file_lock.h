// SPDX-License-Identifier: Apache-2.0
//
// FileLock: a file that one process at a time holds, for as long as it lives; a crash lets it go.
// Private to store/.
#pragma once

#include <string>

#include "base/result.h"

namespace openunison::store {

class FileLock {
 public:
  // Makes the file, 0600, where there is none; it stays. Errors: in_use (another process
  // holds it), unavailable (it can't be made).
  static Result<FileLock> take(const std::string& file);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace openunison::store
