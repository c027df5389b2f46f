// SPDX-License-Identifier: Apache-2.0
//
// Members of JSON that a portal sent, or that a file of ours holds: what isn't there, or is of
// another type, is empty or 0, which every reader must expect anyway.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/json.h"

namespace openunison::cli {

inline std::string text_of(const text::Json& json, std::string_view name) {
  const std::string* found = json.find_string(name);
  return found != nullptr ? *found : std::string();
}

// 0 as well for what all of JSON's readers don't agree on (RFC 8259 §6), so that sums and
// differences can't overflow.
inline std::int64_t number_of(const text::Json& json, std::string_view name) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const text::Json* found = json.find(name);
  const std::int64_t* number = found != nullptr ? found->integer() : nullptr;
  return number != nullptr && -kExact < *number && *number < kExact ? *number : 0;
}

}  // namespace openunison::cli
