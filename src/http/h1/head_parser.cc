// SPDX-License-Identifier: Apache-2.0
#include "http/h1/head_parser.h"

#include <algorithm>

#include "http/syntax.h"
#include "text/utf8.h"

namespace openunison::http::h1 {
namespace {

// Of a request line beside its target: method, two spaces, version.
constexpr std::size_t kAroundTarget = 64;
constexpr std::size_t kStatusLineBytes = 1024;
constexpr std::size_t kUsualFields = 16;

std::unexpected<Error> bad(const char* why) {
  return fail(Errc::bad_request, why);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The version's minor number; nullopt: not HTTP/x.y. A version that isn't ours gives -1.
std::optional<int> minor_version(std::string_view text) {
  const bool shaped = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                      text[6] == '.' && is_digit(text[7]);
  if (!shaped) return std::nullopt;
  if (text[5] != '1' || text[7] > '1') return -1;
  return text[7] - '0';
}

struct MessageLength {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
};

// RFC 9112 §6: any doubt about where the message ends is an error. nullopt: the head doesn't say.
Result<std::optional<MessageLength>> message_length(const Headers& headers, int minor) {
  const auto coding = headers.unique("transfer-encoding");
  if (!coding) return bad("Transfer-Encoding is given more than once (RFC 9112 §6.1)");
  const auto given = headers.unique("content-length");
  if (!given) return bad("Content-Length is given more than once (RFC 9112 §6.3)");
  if (*coding) {
    if (*given) return bad("both Transfer-Encoding and Content-Length are given (RFC 9112 §6.3)");
    if (minor == 0) return bad("HTTP/1.0 has no Transfer-Encoding (RFC 9112 §6.1)");
    if (!text::iequals_ascii(**coding, "chunked")) {
      return fail(Errc::not_implemented,
                  "the only transfer coding taken is chunked, once (RFC 9112 §6.1)");
    }
    return std::optional(MessageLength{Framing::chunked, 0});
  }
  if (!*given) return std::optional<MessageLength>();
  const auto length = parse_decimal(**given);
  if (!length) return bad("Content-Length is not a plain number (RFC 9110 §8.6)");
  return std::optional(MessageLength{*length > 0 ? Framing::length : Framing::none, *length});
}

struct ConnectionOptions {
  bool close = false, keep_alive = false, upgrade = false;
};

// Fields that are the connection's: what follows from them is in the parsed head, and nobody behind
// may act on them, or forward them, a second time.
bool is_connection_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection", "keep-alive",    "proxy-connection",
                                         "te",         "trailer",       "transfer-encoding",
                                         "upgrade",    "http2-settings"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// RFC 9110 §7.6.1. A sender that calls a field for all recipients its own (so that a proxy drops,
// say, an address or identity set by the hop before) is refused.
Result<ConnectionOptions> connection_options(const Headers& headers) {
  ConnectionOptions options;
  if (!headers.contains("connection")) return options;
  const auto list = parse_token_list(headers.joined("connection"));
  if (!list) return bad("Connection is not a list of tokens (RFC 9110 §7.6.1)");
  for (const std::string& option : *list) {
    if (option == "close") {
      options.close = true;
    } else if (option == "keep-alive") {
      options.keep_alive = true;
    } else if (option == "upgrade") {
      options.upgrade = true;
    } else if (!is_connection_field(option) && headers.contains(option)) {
      return bad("Connection names a field that is for all recipients (RFC 9110 §7.6.1)");
    }
  }
  return options;
}

bool stays_open(const ConnectionOptions& options, int minor) {
  return !options.close && (minor == 1 || options.keep_alive);
}

}  // namespace

Result<std::optional<std::string_view>> HeadLines::next(std::string_view buffer) {
  const std::size_t line_feed = buffer.find('\n', searched_);
  const bool whole = line_feed != std::string_view::npos;
  searched_ = whole ? line_feed : buffer.size();
  // The same for a part of a line as for the whole: it only grows.
  if (first_end_ == 0 && searched_ - line_ > first_line_bytes_)
    return fail(Errc::target_too_long, "the target is too long (RFC 9110 §15.5.15)");
  if (first_end_ > 0 && searched_ - first_end_ > other_bytes_) {
    return fail(Errc::header_too_large, "the head is too large (RFC 6585 §5)");
  }
  if (!whole) return std::optional<std::string_view>();

  std::string_view line = buffer.substr(line_, line_feed - line_);
  if (!line.ends_with('\r')) return bad("the head has an LF without CR (RFC 9112 §2.2)");
  line.remove_suffix(1);
  if (line.find('\r') != std::string_view::npos)
    return bad("the head has a CR without LF (RFC 9112 §2.2)");
  line_ = searched_ = line_feed + 1;
  if (first_end_ == 0) first_end_ = line_;
  return std::optional(line);
}

Result<void> parse_field_line(std::string_view line, Headers& headers) {
  if (line.starts_with(' ') || line.starts_with('\t'))
    return bad("a field is folded over lines (RFC 9112 §5.2)");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a field has no colon (RFC 9112 §5)");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return bad("a field name is not a token (RFC 9112 §5.1)");
  const std::string_view value = trim_white_space(line.substr(colon + 1));
  if (!is_field_value(value)) return bad("a field value has a control byte (RFC 9110 §5.5)");
  headers.add(text::ascii_lower(name), std::string(value));
  return {};
}

// --- Requests ---

RequestParser::RequestParser(const Limits& limits, bool secure)
    : limits_(limits),
      secure_(secure),
      lines_(limits.target_bytes + kAroundTarget, limits.header_bytes) {}

Result<bool> RequestParser::parse(std::string_view buffer) {
  // What isn't HTTP at all (a TLS handshake on a plain port) is told at once: it may never send an
  // LF.
  if (!buffer.empty() && !has_request_line_ && !is_token(buffer.substr(0, 1))) {
    return bad("the request doesn't begin with a method (RFC 9112 §3)");
  }
  for (;;) {
    const auto line = TRY(lines_.next(buffer));
    if (!line) return false;
    if (!has_request_line_) {
      TRY_VOID(parse_request_line(*line));
      has_request_line_ = true;
      head_.headers.reserve(kUsualFields);
    } else if (line->empty()) {
      TRY_VOID(finish());
      return true;
    } else {
      if (head_.headers.fields().size() >= limits_.header_count) {
        return fail(Errc::header_too_large, "there are too many fields (RFC 6585 §5)");
      }
      TRY_VOID(parse_field_line(*line, head_.headers));
    }
  }
}

ParsedRequest RequestParser::take() {
  ParsedRequest head = std::move(head_);
  head_ = ParsedRequest();
  target_authority_.reset();
  has_request_line_ = false;
  lines_ = HeadLines(limits_.target_bytes + kAroundTarget, limits_.header_bytes);
  return head;
}

// method SP target SP version, with exactly one space each (RFC 9112 §3).
Result<void> RequestParser::parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos)
    return bad("the request line doesn't have three parts (RFC 9112 §3)");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (!is_token(method)) return bad("the method is not a token (RFC 9112 §3.1)");
  if (target.empty()) return bad("the target is missing (RFC 9112 §3.2)");
  if (target.size() > limits_.target_bytes)
    return fail(Errc::target_too_long, "the target is too long (RFC 9110 §15.5.15)");
  const auto minor = minor_version(line.substr(second + 1));
  if (!minor) return bad("the version is not HTTP/x.y (RFC 9112 §2.3)");
  if (*minor < 0)
    return fail(Errc::version_not_supported,
                "only HTTP/1.0 and HTTP/1.1 are spoken here (RFC 9110 §15.6.6)");
  const bool known_shape =
      std::none_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (!known_shape) return fail(Errc::not_implemented, "methods are in upper case (RFC 9110 §9.1)");
  if (method == "CONNECT")
    return fail(Errc::not_implemented, "CONNECT is not offered here (RFC 9110 §9.3.6)");
  head_.method = method;
  head_.minor = *minor;
  return parse_target(target);
}

// RFC 9112 §3.2: origin-form; absolute-form; asterisk-form for OPTIONS only. authority-form would
// be CONNECT's.
Result<void> RequestParser::parse_target(std::string_view target) {
  if (target == "*") {
    if (head_.method != "OPTIONS")
      return fail(Errc::bad_target, "the target * is for OPTIONS only (RFC 9112 §3.2.4)");
    head_.path = "*";
    return {};
  }
  if (!target.starts_with('/')) {
    const std::string_view scheme = secure_ ? "https://" : "http://";
    if (!text::iequals_ascii(target.substr(0, scheme.size()), scheme)) {
      return fail(Errc::bad_target,
                  "the target is neither a path nor an address of this server (RFC 9112 §3.2)");
    }
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
    target_authority_ = TRY(parse_authority(target.substr(0, end), secure_));
    target.remove_prefix(end);
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const std::string_view query =
      question < target.size() ? target.substr(question + 1) : std::string_view();
  head_.path = path.empty() && target_authority_ ? "/" : path;
  head_.query = query;
  TRY_VOID(check_path(head_.path));
  return check_query(query);
}

Result<void> RequestParser::finish() {
  Headers& headers = head_.headers;
  const auto host = headers.unique("host");
  if (!host) return bad("Host is given more than once (RFC 9112 §3.2)");
  if (!*host) return bad("Host is missing (RFC 9112 §3.2)");
  head_.authority = TRY(parse_authority(**host, secure_));
  if (target_authority_ && (target_authority_->host != head_.authority.host ||
                            target_authority_->port != head_.authority.port)) {
    return fail(Errc::bad_target, "the target names another host than Host (RFC 9112 §3.2.2)");
  }
  if (const auto length = TRY(message_length(headers, head_.minor))) {
    head_.framing = length->framing;
    head_.length = length->length;
  }
  const ConnectionOptions options = TRY(connection_options(headers));
  head_.keep_alive = stays_open(options, head_.minor);
  if (headers.contains("expect")) {
    if (!text::iequals_ascii(headers.joined("expect"), "100-continue"))
      return bad("this expectation is not known (RFC 9110 §10.1.1)");
    head_.expects_continue = head_.minor == 1 && head_.framing != Framing::none;
  }
  const auto upgrade = headers.unique("upgrade");
  if (!upgrade) return bad("Upgrade is given more than once (RFC 9110 §7.8)");
  // With a body the protocol can't change before it has been read: the field is ignored, as it may
  // be.
  if (*upgrade && options.upgrade && head_.minor == 1 && head_.framing == Framing::none)
    head_.upgrade = text::ascii_lower(**upgrade);
  headers.remove_if([](const Field& field) {
    return is_connection_field(field.name) || field.name == "host" ||
           field.name == "content-length" || field.name == "expect";
  });
  return {};
}

// --- Responses ---

ResponseParser::ResponseParser(const Limits& limits, bool to_head)
    : limits_(limits), to_head_(to_head), lines_(kStatusLineBytes, limits.header_bytes) {}

Result<bool> ResponseParser::parse(std::string_view buffer) {
  auto whole = parse_lines(buffer);
  if (!whole) return fail(Errc::bad_gateway, whole.error().message());
  return whole;
}

Result<bool> ResponseParser::parse_lines(std::string_view buffer) {
  for (;;) {
    const auto line = TRY(lines_.next(buffer));
    if (!line) return false;
    if (!has_status_line_) {
      TRY_VOID(parse_status_line(*line));
      has_status_line_ = true;
      head_.headers.reserve(kUsualFields);
    } else if (line->empty()) {
      TRY_VOID(finish());
      return true;
    } else {
      if (head_.headers.fields().size() >= limits_.header_count)
        return bad("there are too many fields");
      TRY_VOID(parse_field_line(*line, head_.headers));
    }
  }
}

ParsedResponse ResponseParser::take() {
  ParsedResponse head = std::move(head_);
  head_ = ParsedResponse();
  has_status_line_ = false;
  lines_ = HeadLines(kStatusLineBytes, limits_.header_bytes);
  return head;
}

// RFC 9112 §4. The reason phrase and the space before it may be missing.
Result<void> ResponseParser::parse_status_line(std::string_view line) {
  const auto minor = minor_version(line.substr(0, 8));
  if (!minor || *minor < 0) return bad("the answer is not HTTP/1.x (RFC 9112 §4)");
  const bool shaped = line.size() >= 12 && line[8] == ' ' && line[9] >= '1' && line[9] <= '5' &&
                      is_digit(line[10]) && is_digit(line[11]) &&
                      (line.size() == 12 || line[12] == ' ') && is_field_value(line);
  if (!shaped) return bad("the status line is not valid (RFC 9112 §4)");
  minor_ = *minor;
  head_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  return {};
}

Result<void> ResponseParser::finish() {
  const auto length = TRY(message_length(head_.headers, minor_));
  const ConnectionOptions options = TRY(connection_options(head_.headers));
  head_.keep_alive = stays_open(options, minor_);
  head_.headers.remove_if([](const Field& field) { return is_connection_field(field.name); });
  const bool never_has_body = head_.status < 200 || head_.status == 204 || head_.status == 304;
  if (to_head_ || never_has_body) {
    // RFC 9112 §6.3: no body, whatever is said; where a body was announced that can't be, who knows
    // what follows.
    const bool contradictory =
        head_.status < 205 && never_has_body && length && length->framing != Framing::none;
    if (contradictory) head_.keep_alive = false;
    return {};
  }
  if (length) {
    head_.framing = length->framing;
    head_.length = length->length;
    return {};
  }
  head_.framing = Framing::until_close;
  head_.keep_alive = false;
  return {};
}

}  // namespace openunison::http::h1
