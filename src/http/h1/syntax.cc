// SPDX-License-Identifier: Apache-2.0
#include "http/h1/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace openunison::http::h1 {
namespace {

std::unexpected<Error> bad(const char* why) { return fail(Errc::bad_request, why); }

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = token_table();

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
int hex_value(char c) { return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Each member of a comma-separated list of tokens (RFC 9110 §5.6.1), lower case. nullopt if one is no token.
std::optional<std::vector<std::string>> token_list(std::string_view text) {
  std::vector<std::string> list;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view member = trimmed(text.substr(0, comma));
    if (!is_token(member)) return std::nullopt;
    list.push_back(lowered(member));
    if (comma == text.size()) return list;
    text.remove_prefix(comma + 1);
  }
}

// Decimal digits only, no sign, no overflow (the carry of the last digit counts).
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

bool valid_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.find("..") != std::string_view::npos) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
  });
}

bool valid_ipv6(std::string_view address) {
  return address.size() >= 2 && address.size() <= 45 && std::all_of(address.begin(), address.end(), [](char c) {
           return is_hex(c) || c == ':' || c == '.';
         }) && std::count(address.begin(), address.end(), ':') >= 2;
}

// uri-host [":" port] (RFC 9112 §3.2, RFC 3986 §3.2.2).
Result<Authority> parse_authority(std::string_view text, bool secure) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !valid_ipv6(text.substr(1, end - 1))) return bad("Host is not a valid address (RFC 9112 §3.2)");
    authority.host = lowered(text.substr(1, end - 1));
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    authority.host = lowered(text.substr(0, colon));
    if (!valid_host_name(authority.host)) return bad("Host is not a valid name (RFC 9112 §3.2)");
    rest = text.substr(colon);
  }
  authority.port = secure ? 443 : 80;
  if (rest.empty()) return authority;
  const auto port = rest.front() == ':' ? parse_length(rest.substr(1)) : std::nullopt;
  if (!port || *port == 0 || *port > 65'535) return bad("Host has an invalid port (RFC 9112 §3.2)");
  authority.port = static_cast<std::uint16_t>(*port);
  authority.port_given = true;
  return authority;
}

// A path that means one thing to everybody: no empty or dot segment, written or encoded, no backslash, NUL or broken escape.
Result<void> check_path(std::string_view path) {
  const auto wrong = [](const char* why) { return fail(Errc::bad_target, why); };
  if (path.empty() || path.front() != '/') return wrong("the target must start with a slash (RFC 9112 §3.2.1)");
  std::string segment;
  for (std::size_t i = 1; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      if (segment == "." || segment == ".." || (segment.empty() && i < path.size())) {
        return wrong("the target has an empty or dot segment (RFC 3986 §3.3)");
      }
      segment.clear();
      continue;
    }
    char c = path[i];
    if (c == '\\') return wrong("the target has a backslash (RFC 3986 §3.3)");
    if (c == '%') {
      if (i + 2 >= path.size() || !is_hex(path[i + 1]) || !is_hex(path[i + 2])) return wrong("the target has a broken escape (RFC 3986 §2.1)");
      const int value = hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]);
      if (value == 0 || value == '\\') return wrong("the target has an encoded NUL or backslash (RFC 3986 §7.3)");
      c = static_cast<char>(value);
      i += 2;
    }
    segment += c;
  }
  return {};
}

Result<void> check_target_bytes(std::string_view target) {
  for (const char c : target) {
    if (c <= 0x20 || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>' || c == '^' || c == '`' || c == '{' || c == '}' || c == '|') {
      return fail(Errc::bad_target, "the target has a byte that must be encoded (RFC 9112 §3.2)");
    }
  }
  return {};
}

Result<void> split_path(std::string_view target, RequestHead& head) {
  const std::size_t question = std::min(target.find('?'), target.size());
  head.path = target.substr(0, question);
  if (question < target.size()) head.query = target.substr(question + 1);
  return check_path(head.path);
}

// RFC 9112 §3.2: origin-form, absolute-form (its authority must be Host's), asterisk-form for OPTIONS only.
Result<void> parse_target(std::string_view target, bool secure, RequestHead& head) {
  TRY_VOID(check_target_bytes(target));
  if (head.method == "CONNECT") return fail(Errc::not_implemented, "CONNECT is not offered here (RFC 9110 §9.3.6)");
  if (target == "*") {
    if (head.method != "OPTIONS") return fail(Errc::bad_target, "the target * is for OPTIONS only (RFC 9112 §3.2.4)");
    head.path = "*";
    return {};
  }
  if (target.starts_with('/')) return split_path(target, head);
  const std::string scheme = secure ? "https://" : "http://";
  if (lowered(target.substr(0, scheme.size())) != scheme) return fail(Errc::bad_target, "the target is not a path (RFC 9112 §3.2)");
  target.remove_prefix(scheme.size());
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  const Authority named = TRY(parse_authority(target.substr(0, end), secure));
  if (named.host != head.authority.host || named.port != head.authority.port) {
    return fail(Errc::bad_target, "the target names another host than Host (RFC 9112 §3.2.2)");
  }
  target.remove_prefix(end);
  if (target.empty()) return split_path("/", head);
  return split_path(target, head);
}

Result<void> parse_field(std::string_view line, Headers& headers) {
  if (line.front() == ' ' || line.front() == '\t') return bad("a field is folded over lines (RFC 9112 §5.2)");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a field has no colon (RFC 9112 §5)");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return bad("a field name is not a token (RFC 9112 §5.1)");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return bad("a field value has a control byte (RFC 9110 §5.5)");
  headers.add(lowered(name), std::string(value));
  return {};
}

Result<void> parse_fields(std::string_view block, const Limits& limits, Headers& headers) {
  std::size_t count = 0;
  while (block != "\r\n") {
    const std::size_t end = block.find("\r\n");
    if (end == std::string_view::npos || end == 0) return bad("the head is cut (RFC 9112 §2.1)");
    if (++count > limits.header_count) return fail(Errc::header_too_large, "there are too many fields");
    TRY_VOID(parse_field(block.substr(0, end), headers));
    block.remove_prefix(end + 2);
  }
  return {};
}

struct Length {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
};

// RFC 9112 §6: any doubt about where the message ends is an error.
Result<std::optional<Length>> message_length(const Headers& headers, int minor) {
  const auto encoding = headers.unique("transfer-encoding");
  if (!encoding) return bad("Transfer-Encoding is given more than once (RFC 9112 §6.1)");
  const auto given = headers.unique("content-length");
  if (!given) return bad("Content-Length is given more than once (RFC 9112 §6.3)");
  if (*encoding) {
    if (*given) return bad("both Transfer-Encoding and Content-Length are given (RFC 9112 §6.3)");
    if (minor == 0) return bad("HTTP/1.0 has no Transfer-Encoding (RFC 9112 §6.1)");
    if (lowered(**encoding) != "chunked") return fail(Errc::not_implemented, "only the transfer coding chunked is known (RFC 9112 §6.1)");
    return std::optional(Length{Framing::chunked, 0});
  }
  if (!*given) return std::optional<Length>();
  const auto length = parse_length(**given);
  if (!length) return bad("Content-Length is not a plain number (RFC 9110 §8.6)");
  return std::optional(Length{*length > 0 ? Framing::length : Framing::none, *length});
}

Result<bool> wants_keep_alive(const Headers& headers, int minor, std::vector<std::string>& options) {
  const std::string connection = headers.joined("connection");
  if (!connection.empty()) {
    auto list = token_list(connection);
    if (!list) return bad("Connection is not a list of tokens (RFC 9110 §7.6.1)");
    options = std::move(*list);
  }
  const auto has = [&](std::string_view option) { return std::find(options.begin(), options.end(), option) != options.end(); };
  return minor == 1 ? !has("close") : has("keep-alive") && !has("close");
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
  });
}

Result<std::optional<std::size_t>> HeadScanner::scan(std::string_view buffer) {
  for (; at_ < buffer.size(); ++at_) {
    const char c = buffer[at_];
    if (c == '\0') return bad("the head has a NUL byte (RFC 9110 §5.5)");
    if (c == '\r') {
      if (at_ + 1 == buffer.size()) break;  // wait for what follows
      if (buffer[at_ + 1] != '\n') return bad("the head has a CR without LF (RFC 9112 §2.2)");
      continue;
    }
    if (c == '\n') {
      if (at_ == 0 || buffer[at_ - 1] != '\r') return bad("the head has an LF without CR (RFC 9112 §2.2)");
      const bool empty_line = at_ - 1 == line_start_;
      if (first_line_ == 0) {
        if (empty_line) return bad("there is an empty line before the request (RFC 9112 §2.2)");
        first_line_ = at_ + 1;
      } else if (empty_line) {
        return std::optional(at_ + 1);
      }
      line_start_ = at_ + 1;
    }
    if (first_line_ == 0 && at_ >= limits_.target_bytes + 64) return fail(Errc::target_too_long, "the target is too long");
    if (first_line_ > 0 && at_ + 1 - first_line_ > limits_.header_bytes) return fail(Errc::header_too_large, "the head is too large");
  }
  return std::optional<std::size_t>();
}

Result<RequestHead> parse_request(std::string_view text, const Limits& limits, bool secure) {
  const std::size_t line_end = text.find("\r\n");
  if (line_end == std::string_view::npos) return bad("the head is cut (RFC 9112 §2.1)");
  const std::string_view line = text.substr(0, line_end);

  // method SP target SP version, with exactly one space each (RFC 9112 §3).
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return bad("the request line doesn't have three parts (RFC 9112 §3)");
  RequestHead head;
  head.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(head.method)) return bad("the method is not a token (RFC 9112 §3.1)");
  if (target.empty()) return bad("the target is missing (RFC 9112 §3.2)");
  if (target.size() > limits.target_bytes) return fail(Errc::target_too_long, "the target is too long");
  const bool shaped = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
  if (!shaped) return bad("the version is not HTTP/x.y (RFC 9112 §2.3)");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return fail(Errc::version_not_supported, "only HTTP/1.0 and 1.1 are spoken here");
  head.minor = version[7] - '0';

  TRY_VOID(parse_fields(text.substr(line_end + 2), limits, head.headers));
  const auto host = head.headers.unique("host");
  if (!host) return bad("Host is given more than once (RFC 9112 §3.2)");
  if (!*host) return bad("Host is missing (RFC 9112 §3.2)");
  head.authority = TRY(parse_authority(**host, secure));
  TRY_VOID(parse_target(target, secure, head));

  if (const auto length = TRY(message_length(head.headers, head.minor))) {
    head.framing = length->framing;
    head.length = length->length;
  }
  std::vector<std::string> options;
  head.keep_alive = TRY(wants_keep_alive(head.headers, head.minor, options));
  if (const auto expect = head.headers.get("expect")) {
    if (lowered(*expect) != "100-continue") return bad("this expectation is not known (RFC 9110 §10.1.1)");
    head.expects_continue = head.minor == 1 && head.framing != Framing::none;
  }
  const bool names_upgrade = std::find(options.begin(), options.end(), "upgrade") != options.end();
  if (names_upgrade && head.minor == 1) {
    const auto upgrade = head.headers.unique("upgrade");
    if (!upgrade) return bad("Upgrade is given more than once (RFC 9110 §7.8)");
    if (*upgrade) head.upgrade = lowered(**upgrade);
  }
  return head;
}

Result<ResponseHead> parse_response(std::string_view text, const Limits& limits, bool head_request) {
  const auto wrong = [](const char* why) { return fail(Errc::bad_gateway, why); };
  const std::size_t line_end = text.find("\r\n");
  const std::string_view line = text.substr(0, std::min(line_end, text.size()));
  const bool shaped = line.size() >= 12 && (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) && is_digit(line[9]) &&
                      is_digit(line[10]) && is_digit(line[11]) && (line.size() == 12 || line[12] == ' ');
  if (!shaped || line_end == std::string_view::npos) return wrong("the answer is not HTTP/1.x");
  ResponseHead head;
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (head.status < 100 || head.status > 599) return wrong("the answer's status is out of range");
  const int minor = line[7] - '0';
  if (auto fields = parse_fields(text.substr(line_end + 2), limits, head.headers); !fields) return wrong("the answer's head is not valid");
  auto length = message_length(head.headers, minor);
  if (!length) return wrong("the answer's length is in doubt");
  std::vector<std::string> options;
  const auto keep = wants_keep_alive(head.headers, minor, options);
  head.keep_alive = keep && *keep;
  const bool no_body = head_request || head.status < 200 || head.status == 204 || head.status == 304;
  if (no_body) return head;
  if (*length) {
    head.framing = (*length)->framing;
    head.length = (*length)->length;
  } else {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return head;
}

Result<ChunkDecoder::Step> ChunkDecoder::step(std::string_view input) {
  constexpr std::size_t kMaxLine = 256, kMaxTrailers = 4096;
  Step step;
  while (step.consumed < input.size() && state_ != State::done) {
    const char c = input[step.consumed];
    switch (state_) {
      case State::size:
        if (++line_ > kMaxLine) return bad("a chunk's size line is too long (RFC 9112 §7.1)");
        if (c == '\r') {
          if (digits_ == 0) return bad("a chunk has no size (RFC 9112 §7.1)");
          state_ = State::size_end;
        } else if (extension_) {
          if ((c < 0x20 && c != '\t') || c == 0x7f) return bad("a chunk extension has a control byte (RFC 9112 §7.1.1)");
        } else if (c == ';' && digits_ > 0) {
          extension_ = true;
        } else {
          if (!is_hex(c)) return bad("a chunk's size is not hexadecimal (RFC 9112 §7.1)");
          if (++digits_ > 15) return bad("a chunk's size is out of range (RFC 9112 §7.1)");
          left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(c));
        }
        ++step.consumed;
        break;
      case State::size_end:
        if (c != '\n') return bad("a chunk's size line has a CR without LF (RFC 9112 §7.1)");
        ++step.consumed;
        line_ = digits_ = 0;
        extension_ = false;
        state_ = left_ > 0 ? State::data : State::trailer;
        break;
      case State::data: {
        const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - step.consumed));
        step.data = input.substr(step.consumed, count);
        step.consumed += count;
        left_ -= count;
        if (left_ == 0) state_ = State::data_cr;
        return step;
      }
      case State::data_cr:
        if (c != '\r') return bad("a chunk is longer than its size (RFC 9112 §7.1)");
        ++step.consumed;
        state_ = State::data_lf;
        break;
      case State::data_lf:
        if (c != '\n') return bad("a chunk is longer than its size (RFC 9112 §7.1)");
        ++step.consumed;
        state_ = State::size;
        break;
      case State::trailer:
        if (++trailer_bytes_ > kMaxTrailers) return bad("the trailers are too long (RFC 9112 §7.1.2)");
        if (c == '\n' || c == '\0') return bad("a trailer has an LF without CR (RFC 9112 §2.2)");
        ++step.consumed;
        if (c == '\r') {
          state_ = State::trailer_lf;
        } else {
          trailer_ += c;
        }
        break;
      case State::trailer_lf: {
        if (c != '\n') return bad("a trailer has a CR without LF (RFC 9112 §2.2)");
        ++step.consumed;
        if (trailer_.empty()) {
          state_ = State::done;
          break;
        }
        Headers dropped;
        TRY_VOID(parse_field(trailer_, dropped));
        trailer_.clear();
        state_ = State::trailer;
        break;
      }
      case State::done: break;
    }
  }
  step.done = state_ == State::done;
  return step;
}

void append_response_head(std::string& out, const http::ResponseHead& head, Framing framing, std::uint64_t length, bool keep_alive,
                          std::string_view date) {
  out += "HTTP/1.1 ";
  out += fmt::format_int(head.status).str();
  out += " \r\n";  // the reason phrase may be empty, its space may not (RFC 9112 §4)
  for (const Field& field : head.headers.fields()) {
    out += field.name;
    out += ": ";
    out += field.value;
    out += "\r\n";
  }
  out += "date: ";
  out += date;
  if (framing == Framing::length) {
    out += "\r\ncontent-length: ";
    out += fmt::format_int(length).str();
  } else if (framing == Framing::chunked) {
    out += "\r\ntransfer-encoding: chunked";
  }
  out += keep_alive ? "\r\n\r\n" : "\r\nconnection: close\r\n\r\n";
}

}  // namespace openunison::http::h1
