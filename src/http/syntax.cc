// SPDX-License-Identifier: Apache-2.0
#include "http/syntax.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "text/utf8.h"

namespace openunison::http {
namespace {

enum ByteClass : std::uint8_t { kToken = 1, kFieldValue = 2, kPath = 4, kQuery = 8, kHost = 16 };

constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto add = [&classes](std::string_view bytes, std::uint8_t what) {
    for (const char c : bytes) classes[static_cast<unsigned char>(c)] |= what;
  };
  const auto add_range = [&classes](unsigned char first, unsigned char last, std::uint8_t what) {
    for (unsigned c = first; c <= last; ++c) classes[c] |= what;
  };
  for (const auto& [first, last] : {std::pair('0', '9'), std::pair('a', 'z')}) {
    add_range(static_cast<unsigned char>(first), static_cast<unsigned char>(last), kToken | kHost);
  }
  add_range('A', 'Z', kToken);
  add("!#$%&'*+-.^_`|~", kToken);
  add("-._", kHost);
  add_range(0x20, 0x7e, kFieldValue);
  add_range(0x80, 0xff, kFieldValue);
  add("\t", kFieldValue);
  // Browsers send some bytes unencoded that RFC 3986 would have encoded; they are in no doubt.
  for (unsigned c = 0x21; c <= 0x7e; ++c) {
    const std::string_view never = "#\"<>";
    const std::string_view never_in_path = "?\\`{}";
    const char byte = static_cast<char>(c);
    if (never.find(byte) != std::string_view::npos) continue;
    classes[c] |= kQuery;
    if (never_in_path.find(byte) == std::string_view::npos) classes[c] |= kPath;
  }
  return classes;
}();

bool all_of_class(std::string_view text, ByteClass what) {
  return std::all_of(text.begin(), text.end(), [what](char c) {
    return (kClasses[static_cast<unsigned char>(c)] & what) != 0;
  });
}

std::unexpected<Error> bad_host(const char* why) {
  return fail(Errc::bad_request, why);
}
std::unexpected<Error> bad_target(const char* why) {
  return fail(Errc::bad_target, why);
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 254 && host.front() != '.' &&
         host.find("..") == std::string_view::npos && all_of_class(host, kHost);
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// "." and ".." in whatever disguise: a parameter after ';' doesn't change where a lax server goes.
bool is_dot_segment(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  return segment == "." || segment == "..";
}

// The bytes of an escape at `path[at]`, which is '%'. -1: it is broken.
int escaped_byte(std::string_view path, std::size_t at) {
  if (at + 2 >= path.size()) return -1;
  const int high = hex_value(path[at + 1]);
  const int low = hex_value(path[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && all_of_class(text, kToken);
}
bool is_field_value(std::string_view text) {
  return all_of_class(text, kFieldValue);
}

std::string_view trim_white_space(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<std::vector<std::string>> parse_token_list(std::string_view text) {
  std::vector<std::string> list;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trim_white_space(text.substr(0, comma));
    if (!is_token(member)) return std::nullopt;
    list.push_back(text::ascii_lower(member));
    if (comma == std::string_view::npos) return list;
    text.remove_prefix(comma + 1);
  }
}

Result<Authority> parse_authority(std::string_view text, bool secure) {
  Authority authority;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos)
      return bad_host("Host has an unclosed bracket (RFC 3986 §3.2.2)");
    authority.host = text::ascii_lower(text.substr(1, end - 1));
    if (!is_ipv6(authority.host))
      return bad_host("Host is not a valid IPv6 address (RFC 3986 §3.2.2)");
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    authority.host = text::ascii_lower(text.substr(0, colon));
    if (!is_host_name(authority.host)) return bad_host("Host is not a valid name (RFC 9112 §3.2)");
    port = text.substr(colon);
  }
  authority.port = secure ? 443 : 80;
  if (port.empty()) return authority;
  const bool shaped = port.size() >= 2 && port.size() <= 6 && port[0] == ':' && port[1] != '0';
  const auto number = shaped ? parse_decimal(port.substr(1)) : std::nullopt;
  if (!number || *number > 65'535) return bad_host("Host has an invalid port (RFC 3986 §3.2.3)");
  authority.port = static_cast<std::uint16_t>(*number);
  authority.port_given = true;
  return authority;
}

Result<void> check_path(std::string_view path) {
  if (!path.starts_with('/'))
    return bad_target("the target must start with a slash (RFC 9112 §3.2.1)");
  if (!all_of_class(path, kPath)) {
    return bad_target("the path has a byte that must be encoded (RFC 3986 §3.3)");
  }
  // An encoded slash separates nothing here, but some server behind us may decode it first: a dot
  // segment is one on both readings.
  std::string segment;
  bool empty = true;  // of the segment as it is written
  for (std::size_t at = 1; at <= path.size(); ++at) {
    const bool at_end = at == path.size();
    char c = at_end ? '/' : path[at];
    bool written_slash = c == '/';
    if (c == '%') {
      const int byte = escaped_byte(path, at);
      if (byte < 0) return bad_target("the path has a broken escape (RFC 3986 §2.1)");
      if (byte == 0 || byte == '\\') {
        return bad_target("the path has an encoded NUL or backslash (RFC 3986 §7.3)");
      }
      c = static_cast<char>(byte);
      at += 2;
    }
    if (c != '/') {
      segment += c;
      empty = false;
      continue;
    }
    if (is_dot_segment(segment)) return bad_target("the path has a dot segment (RFC 3986 §3.3)");
    if (written_slash && empty && !at_end) {
      return bad_target("the path has an empty segment (RFC 3986 §3.3)");
    }
    segment.clear();
    empty = written_slash;
  }
  return {};
}

Result<void> check_query(std::string_view query) {
  if (all_of_class(query, kQuery)) return {};
  return bad_target("the query has a byte that must be encoded (RFC 3986 §3.4)");
}

}  // namespace openunison::http
