// SPDX-License-Identifier: Apache-2.0
//
// URLs (RFC 3986), absolute http(s) only, and strict: no control bytes, no backslash, no empty
// host, no userinfo unless asked for; host lower-cased. Our own, since strangers write them:
// Boost.URL 1.81 ends the program on "a:^", and cuts "127.0.0.1.example.com" after the address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace openunison::text {

struct Url {
  std::string scheme;      // "http" or "https"
  std::string host;        // name, IPv4, or IPv6 without brackets; lower case
  std::uint16_t port = 0;  // as given, or the scheme's default
  bool port_given = false;
  std::string path;                  // as written, still percent-encoded; "" or starts with '/'
  std::optional<std::string> query;  // without '?'; as written
  std::optional<std::string> fragment;
  std::string userinfo;  // only from parse_with_userinfo

  static Result<Url> parse(std::string_view text);  // userinfo refused
  static Result<Url> parse_with_userinfo(
      std::string_view text);  // proxies: http://user:pw@host:port

  bool is_https() const { return scheme == "https"; }
  // "https://host[:port]"; the port only where it isn't the default; IPv6 in brackets.
  std::string origin() const;
  std::string authority() const;
  std::string text() const;  // back to a string
};

// RFC 3986 §2: everything but unreserved characters is encoded.
std::string percent_encode(std::string_view bytes);
// nullopt on a broken escape. '+' is left alone.
std::optional<std::string> percent_decode(std::string_view text);

// base + '?' or '&' + name=value (application/x-www-form-urlencoded).
std::string add_query(std::string url, std::string_view name, std::string_view value);

}  // namespace openunison::text
