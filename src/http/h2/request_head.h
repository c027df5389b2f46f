// SPDX-License-Identifier: Apache-2.0
//
// A request's head from the fields that HPACK gives, one by one (RFC 9113 §8). nghttp2 has looked
// at their form: pseudo-fields first and once, lower-case names, no field of HTTP/1.1's
// connections. What is held here against is what two readers might understand in two ways, and our
// limits; the same as HTTP/1.1's. Refuses, never repairs. No I/O. Private to http/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/limits.h"
#include "http/message.h"

namespace openunison::http::h2 {

struct RequestHead {
  std::string method;  // GET in place of an extended CONNECT (RFC 8441 §5)
  Authority authority;
  std::string path, query;
  Headers headers;  // without host, content-length, expect, te
  std::optional<std::uint64_t> length;
  bool expects_continue = false;
  std::string upgrade;  // :protocol, lower case
};

class RequestHeadReader {
 public:
  // `limits` outlives it.
  RequestHeadReader(const Limits& limits, bool secure) : limits_(limits), secure_(secure) {}

  // A field of the head or, after finish(), of its trailers, which are counted and dropped.
  // False: so much came that the whole connection must end; over the limits, but short of that,
  // finish() says it.
  bool add(std::string_view name, std::string_view value);
  // `ended`: the head is all there is. Errors: bad_request, bad_target, target_too_long,
  // header_too_large, not_implemented.
  Result<RequestHead> finish(bool ended);
  // Also of a head that finish() refused.
  bool is_to_head() const { return to_head_; }

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  Result<void> finish_parts(bool ended);
  Result<void> finish_target();
  Result<void> finish_authority();
  Result<void> finish_fields(bool ended);
  void refuse(Errc code, const char* why);
  void drop();

  const Limits& limits_;
  bool secure_;
  bool finished_ = false, to_head_ = false;
  std::size_t bytes_ = 0;
  std::optional<Error> error_;  // the first
  std::string method_, scheme_, path_, protocol_;
  std::optional<std::string> authority_;
  RequestHead head_;
};

}  // namespace openunison::http::h2
