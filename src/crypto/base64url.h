// SPDX-License-Identifier: Apache-2.0
//
// base64 without padding, both alphabets, for keys and seals. crypto stands below text, which has
// the general codecs. Private to crypto/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace openunison::crypto {

std::string encode_base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);
// Standard alphabet without padding (PHC strings).
std::optional<std::string> decode_base64_unpadded(std::string_view text);
// Standard alphabet; padding is optional, white space is skipped.
std::optional<std::string> decode_base64_loosely(std::string_view text);

}  // namespace openunison::crypto
