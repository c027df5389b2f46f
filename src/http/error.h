// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace openunison::http {

// Each maps to one status in status_of().
enum class Errc {
  bad_request = 1,        // 400: not HTTP as we accept it
  bad_target,             // 400
  unauthorized,           // 401
  forbidden,              // 403
  not_found,              // 404
  method_not_allowed,     // 405
  timed_out,              // 408: the request took too long to arrive
  body_too_large,         // 413
  target_too_long,        // 414
  unsupported_media,      // 415
  misdirected,            // 421: no such host here
  too_many,               // 429
  header_too_large,       // 431
  internal,               // 500
  not_implemented,        // 501: transfer-coding or method that we don't do
  bad_gateway,            // 502: the upstream's answer isn't HTTP as we accept it
  unavailable,            // 503: over capacity or draining
  gateway_timeout,        // 504
  version_not_supported,  // 505
  body_ended_early,       // 400: the peer closed inside a body
};
std::error_code make_error_code(Errc code);
// 500 for codes of other modules, except net timeouts (504) and refusals (502).
int status_of(const std::error_code& code);

}  // namespace openunison::http

template <>
struct std::is_error_code_enum<openunison::http::Errc> : std::true_type {};
