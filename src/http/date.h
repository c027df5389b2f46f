// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace openunison::http {

// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 §5.6.7). `seconds`: since 1970.
std::string format_http_date(std::int64_t seconds);
// That of now, made once a second a thread. Valid until the next call on this thread.
std::string_view http_date();

}  // namespace openunison::http
