// SPDX-License-Identifier: Apache-2.0
#include "text/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "text/error.h"
#include "text/utf8.h"

namespace openunison::text {
namespace {

constexpr std::size_t kMaxUrl = 8 * 1024;

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// A registered name of non-empty labels.
bool valid_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' &&
         host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), is_host_character);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// RFC 3986 §3.2.2, and WHATWG's rule that a name whose last label is a number is an address: then
// it must be one.
bool valid_host(const std::string& host) {
  if (!valid_name(host)) return false;
  const std::string_view last = std::string_view(host).substr(host.rfind('.') + 1);
  if (last.empty() || !std::ranges::all_of(last, is_digit)) return true;
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool valid_ipv6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// RFC 3986 §2.1 and §3.3: pchar and `more`.
bool valid_part(std::string_view text, std::string_view more) {
  constexpr std::string_view kOfParts = "!$&'()*+,;=:@";
  const auto is_hex = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_unreserved(c) && !kOfParts.contains(c) && !more.contains(c)) {
      return false;
    }
  }
  return true;
}

// The number behind "host:"; 0: it is none.
std::uint16_t port_of(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = failed == std::errc() && end == digits.data() + digits.size();
  return whole && !digits.starts_with('0') ? port : std::uint16_t{0};
}

// Takes what is before the first of `ends` off `rest`.
std::string_view take_until(std::string_view& rest, std::string_view ends) {
  const std::string_view part = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(part.size());
  return part;
}

std::unexpected<Error> bad(const char* why) {
  return fail(Errc::bad_url, std::string("not a usable URL: ") + why);
}

// "user:password@host:port" (RFC 3986 §3.2).
Result<void> parse_authority(std::string_view text, bool allow_userinfo, Url& url) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!allow_userinfo) return bad("user and password don't belong into it");
    url.userinfo = text.substr(0, at);
    if (!valid_part(url.userinfo, "") || url.userinfo.find('@') != std::string::npos)
      return bad("user and password have a character that must be percent-encoded");
    text.remove_prefix(at + 1);
  }
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return bad("a bracket isn't closed");
  url.host = ascii_lower(bracketed ? text.substr(1, end - 1) : text.substr(0, end));
  text.remove_prefix(end + (bracketed ? 1 : 0));
  if (url.host.empty()) return bad("the host is missing");
  if (bracketed ? !valid_ipv6(url.host) : !valid_host(url.host))
    return bad("the host is neither a plain name nor an address");
  url.port = url.is_https() ? 443 : 80;
  if (text.empty()) return {};
  url.port = text.front() == ':' ? port_of(text.substr(1)) : std::uint16_t{0};
  if (url.port == 0) return bad("the port is not a number from 1 to 65535");
  url.port_given = true;
  return {};
}

Result<Url> parse_url(std::string_view text, bool allow_userinfo) {
  if (text.size() > kMaxUrl) return bad("it is too long");
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '\\')
      return bad("it has a character that must be percent-encoded");
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0)
    return bad("it must look like https://host/path");
  Url url;
  url.scheme = ascii_lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad("only http and https are accepted");
  std::string_view rest = text.substr(colon + 3);
  TRY_VOID(parse_authority(take_until(rest, "/?#"), allow_userinfo, url));
  url.path = take_until(rest, "?#");
  bool valid = valid_part(url.path, "/");
  if (rest.starts_with('?')) {
    rest.remove_prefix(1);
    url.query = take_until(rest, "#");
    valid = valid && valid_part(*url.query, "/?");
  }
  if (rest.starts_with('#')) {
    url.fragment = rest.substr(1);
    valid = valid && valid_part(*url.fragment, "/?");
  }
  if (!valid) return bad("it has a character that must be percent-encoded");
  return url;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  return parse_url(text, false);
}
Result<Url> Url::parse_with_userinfo(std::string_view text) {
  return parse_url(text, true);
}

std::string Url::authority() const {
  std::string out = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != (is_https() ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const {
  return scheme + "://" + authority();
}

std::string Url::text() const {
  std::string out = origin() + path;
  if (query) out += "?" + *query;
  if (fragment) out += "#" + *fragment;
  return out;
}

std::string percent_encode(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.find('%') == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = digit(text[i + 1]), low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string add_query(std::string url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += percent_encode(name);
  url += '=';
  url += percent_encode(value);
  return url;
}

}  // namespace openunison::text
