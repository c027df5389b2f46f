// SPDX-License-Identifier: Apache-2.0
//
// Base64 (RFC 4648 §4) and base64url (§5). Decoders are strict, no white space, no wrong padding,
// no non-zero trailing bits, and answer nullopt to what isn't exact; the loose one says what it
// takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace openunison {

std::string base64_encode(std::string_view bytes);                         // padded
std::optional<std::string> base64_decode(std::string_view text);           // padding required
std::optional<std::string> base64_decode_unpadded(std::string_view text);  // padding refused (PHC)
// What people paste: padding is optional, white space is skipped. Wipes its own copies, for keys
// come this way.
std::optional<std::string> base64_decode_loosely(std::string_view text);

std::string base64url_encode(std::string_view bytes);                // no padding
std::optional<std::string> base64url_decode(std::string_view text);  // padding refused

// The same into memory of the caller's: (bytes × 4 + 2) / 3 characters, text × 3 / 4 bytes. False
// if `text` isn't exact.
void base64url_encode_to(char* to, std::string_view bytes);
bool base64url_decode_to(char* to, std::string_view text);

}  // namespace openunison
