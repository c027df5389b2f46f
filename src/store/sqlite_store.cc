// SPDX-License-Identifier: Apache-2.0
#include "store/error.h"
#include "store/stores.h"

namespace openunison::store {
Result<std::unique_ptr<SessionStore>> sqlite_store(const std::string& file) {
  return fail(Errc::unavailable, file + ": placeholder");
}
}  // namespace openunison::store
