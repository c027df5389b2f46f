// SPDX-License-Identifier: Apache-2.0
//
// The grammar that all HTTP versions share (RFC 9110, RFC 3986): tokens, field values, authorities,
// paths and queries. Pure functions. What two readers might understand in two ways is refused,
// never repaired. Private to http/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace openunison::http {

// RFC 9110 §5.6.2.
bool is_token(std::string_view text);
// RFC 9110 §5.5: no control byte but HTAB.
bool is_field_value(std::string_view text);
std::string_view trim_white_space(std::string_view text);
// The value of a hexadecimal digit, or -1.
int hex_value(char c);

// Decimal digits only: no sign, no space, no overflow (the carry of the last digit counts).
std::optional<std::uint64_t> parse_decimal(std::string_view text);
// A comma-separated list of tokens (RFC 9110 §5.6.1), lower case. nullopt: a member is no token.
std::optional<std::vector<std::string>> parse_token_list(std::string_view text);

// uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2). `secure` gives the default port. Refuses
// userinfo, percent escapes, zones, empty labels, port 0 and an empty port. Error: bad_request.
Result<Authority> parse_authority(std::string_view text, bool secure);

// A path that means one thing to everybody (RFC 3986 §3.3): starts with '/', no empty or dot
// segment, written or encoded, no backslash, NUL or broken escape, no byte that must be encoded.
// Error: bad_target.
Result<void> check_path(std::string_view path);
// A query without control bytes, spaces, '#' and non-ASCII bytes (RFC 3986 §3.4). What browsers
// send unencoded passes. Error: bad_target.
Result<void> check_query(std::string_view query);

}  // namespace openunison::http
