// SPDX-License-Identifier: Apache-2.0
#include "http/h2/request_head.h"

#include <algorithm>

#include "http/syntax.h"
#include "text/utf8.h"

namespace openunison::http::h2 {
namespace {

// Fields over the limit are still decoded, for HPACK's table is the connection's; beyond this many
// times the limit it is an attack with a small compressed head (RFC 9113 §10.5.1).
constexpr std::size_t kBombFactor = 4;

std::unexpected<Error> bad(const char* why) {
  return fail(Errc::bad_request, why);
}

}  // namespace

void RequestHeadReader::refuse(Errc code, const char* why) {
  if (!error_) error_ = Error(code, why);
  drop();
}

// What is refused isn't kept while its answer waits for a client that doesn't read.
void RequestHeadReader::drop() {
  head_ = RequestHead();
  path_ = std::string();
  authority_.reset();
}

bool RequestHeadReader::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size();
  if (bytes_ > kBombFactor * (limits_.header_bytes + limits_.target_bytes)) return false;
  if (finished_ || error_) return true;
  if (name.starts_with(':')) {
    add_pseudo(name, value);
  } else {
    add_field(name, value);
  }
  return true;
}

void RequestHeadReader::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":path") {
    if (value.size() > limits_.target_bytes)
      return refuse(Errc::target_too_long, "the target is too long (RFC 9110 §15.5.15)");
    bytes_ -= value.size();  // has its own limit
    path_ = value;
  } else if (name == ":method") {
    method_ = value;
    to_head_ = value == "HEAD";
  } else if (name == ":scheme") {
    scheme_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  } else {
    refuse(Errc::bad_request, "a pseudo-field is not known (RFC 9113 §8.3)");
  }
}

void RequestHeadReader::add_field(std::string_view name, std::string_view value) {
  if (bytes_ > limits_.header_bytes)
    return refuse(Errc::header_too_large, "the head is too large (RFC 6585 §5)");
  if (head_.headers.fields().size() >= limits_.header_count)
    return refuse(Errc::header_too_large, "there are too many fields (RFC 6585 §5)");
  if (!is_token(name)) return refuse(Errc::bad_request, "a field name is not a token");
  if (!is_field_value(value) || trim_white_space(value).size() != value.size())
    return refuse(Errc::bad_request, "a field value is not valid (RFC 9113 §8.2.1)");
  head_.headers.add(text::ascii_lower(name), std::string(value));
}

Result<RequestHead> RequestHeadReader::finish(bool ended) {
  finished_ = true;
  bytes_ = 0;
  if (error_) return std::unexpected(*error_);
  auto whole = finish_parts(ended);
  if (!whole) {
    drop();
    return std::unexpected(whole.error());
  }
  return std::move(head_);
}

Result<void> RequestHeadReader::finish_parts(bool ended) {
  TRY_VOID(finish_target());
  TRY_VOID(finish_authority());
  return finish_fields(ended);
}

Result<void> RequestHeadReader::finish_target() {
  if (!is_token(method_)) return bad("the method is not a token (RFC 9110 §9.1)");
  if (std::any_of(method_.begin(), method_.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
    return fail(Errc::not_implemented, "methods are in upper case (RFC 9110 §9.1)");
  if (method_ == "CONNECT") {
    if (protocol_.empty())
      return fail(Errc::not_implemented, "CONNECT is not offered here (RFC 9110 §9.3.6)");
    if (!is_token(protocol_)) return bad(":protocol is not a token (RFC 8441 §4)");
    method_ = "GET";
    head_.upgrade = text::ascii_lower(protocol_);
  } else if (!protocol_.empty()) {
    return bad(":protocol is for CONNECT only (RFC 8441 §4)");
  }
  if (scheme_ != (secure_ ? "https" : "http"))
    return bad(":scheme is not that of this connection (RFC 9113 §8.3.1)");
  head_.method = std::move(method_);
  if (path_ == "*") {
    if (head_.method != "OPTIONS")
      return fail(Errc::bad_target, "the target * is for OPTIONS only (RFC 9112 §3.2.4)");
    head_.path = "*";
    return {};
  }
  const std::size_t question = std::min(path_.find('?'), path_.size());
  head_.path = path_.substr(0, question);
  if (question < path_.size()) head_.query = path_.substr(question + 1);
  path_ = std::string();  // once is enough for as long as the stream lives
  TRY_VOID(check_path(head_.path));
  return check_query(head_.query);
}

// :authority, or Host from whoever translated HTTP/1.1; both if they say the same (RFC 9113
// §8.3.1).
Result<void> RequestHeadReader::finish_authority() {
  const auto host = head_.headers.unique("host");
  if (!host) return bad("Host is given more than once (RFC 9110 §7.2)");
  if (!authority_ && !*host) return bad(":authority is missing (RFC 9113 §8.3.1)");
  head_.authority =
      TRY(parse_authority(authority_ ? std::string_view(*authority_) : **host, secure_));
  if (authority_ && *host) {
    const Authority other = TRY(parse_authority(**host, secure_));
    if (other.host != head_.authority.host || other.port != head_.authority.port)
      return bad("Host names another host than :authority (RFC 9113 §8.3.1)");
  }
  return {};
}

Result<void> RequestHeadReader::finish_fields(bool ended) {
  Headers& headers = head_.headers;
  const auto length = headers.unique("content-length");
  if (!length) return bad("Content-Length is given more than once (RFC 9110 §8.6)");
  // A tunnel's bytes are no body; who counts them otherwise sees another end.
  if (*length && !head_.upgrade.empty())
    return bad("Content-Length has no meaning with CONNECT (RFC 9110 §9.3.6)");
  if (*length) {
    head_.length = parse_decimal(**length);
    if (!head_.length) return bad("Content-Length is not a plain number (RFC 9110 §8.6)");
    if (ended && *head_.length > 0) return bad("Content-Length announces a body and none comes");
  }
  if (ended) head_.length = 0;
  if (headers.contains("expect")) {
    if (!text::iequals_ascii(headers.joined("expect"), "100-continue"))
      return bad("this expectation is not known (RFC 9110 §10.1.1)");
    head_.expects_continue = !ended;
  }
  headers.remove_if([](const Field& field) {
    return field.name == "host" || field.name == "content-length" || field.name == "expect" ||
           field.name == "te" || field.name == "trailer";
  });
  return {};
}

}  // namespace openunison::http::h2
