// SPDX-License-Identifier: Apache-2.0
#include "cli/keyring.h"
#include "cli/secret_tool.h"

namespace openunison::cli {

std::unique_ptr<Keyring> system_keyring(const Environment& environment, Trace trace) {
  return std::make_unique<SecretTool>(environment, std::move(trace));
}

}  // namespace openunison::cli
