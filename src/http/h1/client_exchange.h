// SPDX-License-Identifier: Apache-2.0
//
// The client's side of an HTTP/1.1 connection: one request out, one answer in. Knows nothing of
// pools, proxies or names. Private to http/.
#pragma once

#include <string>

#include "http/h1/head_parser.h"
#include "http/h1/wire.h"

namespace openunison::http::h1 {

struct Outgoing {
  std::string_view head;  // with its empty line
  std::string_view body;
  bool to_head = false;  // the method is HEAD
  std::size_t max_response_bytes = 0;
  net::Deadline deadline;
};

struct Answer {
  Result<Response> response;
  // Bytes of an answer came: sending the request again could do its work twice.
  bool any_byte = false;
  // The next request may use the connection: everything was read, nothing more is there.
  bool reusable = false;
};

// `outgoing` is owned by the caller for the whole call. Errors: net's, bad_gateway, body_too_large.
Task<Answer> exchange(Wire& wire, const Outgoing& outgoing, const Limits& limits);

// Reads one head, past interim answers (RFC 9110 §15.2). `any_byte` is set when the first byte
// comes.
Task<Result<ParsedResponse>> read_response_head(Wire& wire, const Limits& limits, bool to_head,
                                                net::Deadline deadline, bool& any_byte);

}  // namespace openunison::http::h1
