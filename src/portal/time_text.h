// SPDX-License-Identifier: Apache-2.0
//
// Times for people: durations in words, exact times in UTC. Pure.
#pragma once

#include <string>

#include "base/clock.h"
#include "text/json.h"

namespace openunison::portal {

// "40 seconds", "14 minutes" (rounded down), "3 hours", "2 days" (the nearest).
std::string in_words(Millis duration);
// "24 Nov 2026, 02:07 UTC".
std::string exact(WallTime time);
// {"text": "in 14 minutes", "iso": "...Z", "exact": "..."}: `text` is relative to now ("3 hours
// ago", "just now").
text::Json when(WallTime time, WallTime now);

}  // namespace openunison::portal
