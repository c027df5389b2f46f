// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <cstring>

namespace openunison {

void Secret::wipe(std::string& text) {
  // The whole capacity: a string keeps old bytes past its size. explicit_bzero isn't removed as a
  // dead store.
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace openunison
