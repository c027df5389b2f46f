// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include "base/wipe.h"

namespace openunison {

void Secret::wipe(std::string& text) {
  // The whole capacity: a string keeps old bytes past its size.
  text.resize(text.capacity());
  wipe_bytes(text.data(), text.size());
  text.clear();
}

}  // namespace openunison
