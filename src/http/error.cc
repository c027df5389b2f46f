// SPDX-License-Identifier: Apache-2.0
#include "http/error.h"

#include <iterator>

#include "net/error.h"

namespace openunison::http {
namespace {

constexpr const char* kTexts[] = {"bad_request",
                                  "bad_target",
                                  "unauthorized",
                                  "forbidden",
                                  "not_found",
                                  "method_not_allowed",
                                  "timed_out",
                                  "body_too_large",
                                  "target_too_long",
                                  "unsupported_media",
                                  "misdirected",
                                  "too_many",
                                  "header_too_large",
                                  "internal",
                                  "not_implemented",
                                  "bad_gateway",
                                  "unavailable",
                                  "gateway_timeout",
                                  "version_not_supported",
                                  "body_ended_early"};
constexpr int kStatuses[] = {400, 400, 401, 403, 404, 405, 408, 413, 414, 415,
                             421, 429, 431, 500, 501, 502, 503, 504, 505, 400};
static_assert(std::size(kTexts) == std::size(kStatuses));

const ErrorCategory& category() {
  static const ErrorCategory kCategory("http", kTexts, std::size(kTexts));
  return kCategory;
}

}  // namespace

std::error_code make_error_code(Errc code) {
  return {static_cast<int>(code), category()};
}

int status_of(const std::error_code& code) {
  if (code.category() == category()) return kStatuses[code.value() - 1];
  if (code == make_error_code(net::Errc::timed_out)) return 504;
  for (const net::Errc unreachable : {net::Errc::refused, net::Errc::closed, net::Errc::unresolved,
                                      net::Errc::untrusted, net::Errc::tls_failed}) {
    if (code == make_error_code(unreachable)) return 502;
  }
  if (code == make_error_code(net::Errc::busy)) return 503;
  return 500;
}

}  // namespace openunison::http
