// SPDX-License-Identifier: Apache-2.0
#include "text/url.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/src.hpp>

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

// Where a host begins that is a name with digits first ("10.0.0.1.nip.io"); npos: it isn't one.
// Boost.URL ends such a host where an IPv4 address could end, and gives the rest to the path.
std::size_t begin_of_digit_name(std::string_view text) {
  std::size_t begin = text.find("://");
  if (begin == std::string_view::npos) return begin;
  begin += 3;
  std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::size_t user = text.substr(begin, end - begin).rfind('@');
  if (user != std::string_view::npos) begin += user + 1;
  end = std::min(text.find(':', begin), end);
  const std::string_view host = text.substr(begin, end - begin);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto of_address = [&](char c) { return is_digit(c) || c == '.'; };
  const bool is_name =
      !host.empty() && is_digit(host.front()) && !std::ranges::all_of(host, of_address);
  return is_name ? begin : std::string_view::npos;
}

Result<Url> parse_url(std::string_view text, bool allow_userinfo) {
  const auto bad = [](const char* why) {
    return fail(Errc::bad_url, std::string("not a usable URL: ") + why);
  };
  if (text.size() > kMaxUrl) return bad("it is too long");
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '\\')
      return bad("it has a character that must be percent-encoded");
  }
  const std::size_t digits = begin_of_digit_name(text);
  const bool is_digit_name = digits != std::string_view::npos;
  std::string given(text);
  if (is_digit_name) given.insert(digits, 1, 'x');
  const auto parsed = boost::urls::parse_uri(given);
  if (!parsed) return bad("it must look like https://host/path");
  Url url;
  url.scheme = ascii_lower(std::string_view(parsed->scheme().data(), parsed->scheme().size()));
  if (url.scheme != "http" && url.scheme != "https") return bad("only http and https are accepted");
  if (!parsed->has_authority()) return bad("the host is missing");
  if (parsed->has_userinfo()) {
    if (!allow_userinfo) return bad("user and password don't belong into it");
    const auto userinfo = parsed->encoded_userinfo();
    url.userinfo.assign(userinfo.data(), userinfo.size());
  }
  const auto host = parsed->encoded_host();
  url.host = ascii_lower(std::string_view(host.data(), host.size()));
  if (is_digit_name) url.host.erase(0, 1);
  if (parsed->host_type() == boost::urls::host_type::ipv6) {
    url.host = url.host.substr(1, url.host.size() - 2);
    if (url.host.find('%') != std::string::npos) return bad("an IPv6 zone is not accepted");
  } else if (!valid_name(url.host)) {
    return bad("the host is missing or not a plain name");
  }
  url.port = url.is_https() ? 443 : 80;
  if (parsed->has_port()) {
    if (parsed->port().empty() || parsed->port_number() == 0)
      return bad("the port is not a number from 1 to 65535");
    url.port = parsed->port_number();
    url.port_given = true;
  }
  const auto path = parsed->encoded_path();
  url.path.assign(path.data(), path.size());
  // "1.2.3.4.5": begin_of_digit_name() tells.
  if (!url.path.empty() && url.path.front() != '/') return bad("the host is not a plain name");
  if (parsed->has_query()) {
    const auto query = parsed->encoded_query();
    url.query.emplace(query.data(), query.size());
  }
  if (parsed->has_fragment()) {
    const auto fragment = parsed->encoded_fragment();
    url.fragment.emplace(fragment.data(), fragment.size());
  }
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
