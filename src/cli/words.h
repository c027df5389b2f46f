// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"

namespace openunison::cli {

// "11 h 59 min", "14 min", "40 s": the two largest units; seconds only under a minute.
std::string in_words(Seconds time);

}  // namespace openunison::cli
