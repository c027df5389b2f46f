// SPDX-License-Identifier: Apache-2.0
//
// Heads as bytes (RFC 9112 §4, §5). The caller has checked the fields. Private to http/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/h1/head_parser.h"

namespace openunison::http::h1 {

enum class ConnectionField { none, close, keep_alive, upgrade };

// Appends the status line, the fields and the empty line. `length` counts with Framing::length.
void append_response_head(std::string& out, const ResponseHead& head, Framing framing,
                          std::uint64_t length, ConnectionField connection);
void append_field(std::string& out, std::string_view name, std::string_view value);

}  // namespace openunison::http::h1
