// SPDX-License-Identifier: Apache-2.0
#include "cli/words.h"

namespace openunison::cli {

std::string in_words(Seconds time) {
  const auto seconds = time.count();
  if (seconds < 60) return std::to_string(seconds < 0 ? 0 : seconds) + " s";
  const auto minutes = seconds / 60;
  if (minutes < 60) return std::to_string(minutes) + " min";
  const auto hours = minutes / 60;
  if (hours < 48)
    return std::to_string(hours) + " h" +
           (minutes % 60 == 0 ? "" : " " + std::to_string(minutes % 60) + " min");
  return std::to_string(hours / 24) + " days";
}

}  // namespace openunison::cli
