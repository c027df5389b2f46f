// SPDX-License-Identifier: Apache-2.0
//
// Base64 (RFC 4648 §4) and base64url (§5). Decoders are strict: no white space, no wrong padding,
// no non-zero trailing bits.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace openunison::text {

std::string base64_encode(std::string_view bytes);            // padded
Result<std::string> base64_decode(std::string_view text);     // padding required
std::string base64url_encode(std::string_view bytes);         // no padding
Result<std::string> base64url_decode(std::string_view text);  // padding refused

}  // namespace openunison::text
