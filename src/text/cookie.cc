// SPDX-License-Identifier: Apache-2.0
#include "text/cookie.h"

#include <algorithm>

#include "base/check.h"

namespace openunison::text {
namespace {

// RFC 6265 §4.1.1, cookie-octet.
bool is_cookie_octet(char c) {
  return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}
bool is_token(char c) {
  return is_cookie_octet(c) && std::string_view("()<>@:/[]?={}").find(c) == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Cookies Cookies::parse(std::string_view header) {
  Cookies cookies;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = trimmed(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = pair.substr(0, equals), value = pair.substr(equals + 1);
    if (!std::all_of(name.begin(), name.end(), is_token)) continue;
    if (!std::all_of(value.begin(), value.end(), is_cookie_octet)) continue;
    cookies.cookies_.emplace_back(name, value);
  }
  return cookies;
}

std::optional<std::string_view> Cookies::unique(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : cookies_) {
    if (key != name) continue;
    if (found) return std::nullopt;
    found = value;
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> Cookies::with_prefix(
    std::string_view prefix) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& cookie : cookies_) {
    if (cookie.first.starts_with(prefix)) found.push_back(cookie);
  }
  return found;
}

std::string set_cookie(std::string_view name, std::string_view value,
                       std::optional<Seconds> max_age, SameSite same_site) {
  CHECK(name.starts_with("__Host-") && std::all_of(name.begin(), name.end(), is_token));
  CHECK(std::all_of(value.begin(), value.end(), is_cookie_octet));
  std::string out(name);
  out += '=';
  out += value;
  out += "; Path=/; Secure; HttpOnly; SameSite=";
  out += same_site == SameSite::lax ? "Lax" : "Strict";
  if (max_age) out += "; Max-Age=" + std::to_string(max_age->count());
  return out;
}

}  // namespace openunison::text
