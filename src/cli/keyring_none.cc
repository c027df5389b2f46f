// SPDX-License-Identifier: Apache-2.0
#include "cli/keyring.h"

namespace openunison::cli {

std::unique_ptr<Keyring> system_keyring(const Environment& /*environment*/, Trace /*trace*/) {
  return nullptr;
}

}  // namespace openunison::cli
