// SPDX-License-Identifier: Apache-2.0
//
// Cookie headers: a name that comes twice is nobody's.
#include "text/cookie.h"

#include "fuzz.h"

FUZZ(text) {
  const auto cookies = openunison::text::Cookies::parse(text);
  for (const std::string_view name : {"__Host-openunison", "a", "", "__Host-ou-theme"}) {
    const auto value = cookies.unique(name);
    if (!value) continue;
    MUST(text.find(*value) != std::string_view::npos);
    const std::string doubled = std::string(text) + "; " + std::string(name) + "=x";
    MUST(!openunison::text::Cookies::parse(doubled).unique(name));
  }
}
