// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <algorithm>

namespace openunison::text {

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace openunison::text
