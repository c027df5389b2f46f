// SPDX-License-Identifier: Apache-2.0
//
// Cookies (RFC 6265). Reading: values by name, duplicates visible. Writing: always __Host-, Secure,
// HttpOnly, SameSite, Path=/ (docs/design.md, cookies).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace openunison::text {

class Cookies {
 public:
  // Never fails: what isn't name=value of allowed bytes is skipped. All others are kept, so
  // that none can hide a duplicate; the header's size bounds them.
  static Cookies parse(std::string_view header);

  // The value, if the name occurs exactly once.
  std::optional<std::string_view> unique(std::string_view name) const;
  std::vector<std::pair<std::string, std::string>> with_prefix(std::string_view prefix) const;

 private:
  std::vector<std::pair<std::string, std::string>> cookies_;
};

enum class SameSite { lax, strict };

// A Set-Cookie value. `name` must start with "__Host-" and `value` be cookie-octets (CHECKed).
// `max_age`: nullopt for a session cookie; zero deletes.
std::string set_cookie(std::string_view name, std::string_view value,
                       std::optional<Seconds> max_age, SameSite same_site = SameSite::lax);

}  // namespace openunison::text
