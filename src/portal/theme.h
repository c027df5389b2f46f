// SPDX-License-Identifier: Apache-2.0
//
// Light, dark, or as the system says: remembered in a cookie of its own, so that the choice also
// works without JavaScript and before the first paint.
#pragma once

#include <string_view>

#include "http/message.h"

namespace openunison::portal {

enum class Theme { system, light, dark };
std::string_view name(Theme theme);
Theme theme_of(const http::Request& request);

}  // namespace openunison::portal
