// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <strings.h>

#include <cstring>

namespace openunison {

void Secret::wipe() {
  // explicit_bzero isn't removed as a dead store. The whole capacity: a string keeps old bytes past its size.
  value_.resize(value_.capacity());
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

}  // namespace openunison
