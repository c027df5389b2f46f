// SPDX-License-Identifier: Apache-2.0
#include "config/checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "config/error.h"
#include "text/utf8.h"

namespace openunison::config {
namespace {

constexpr std::size_t kMaxProviderName = 32;
constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxFileName = 255;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_letter(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_ip(int family, const std::string& text) {
  in6_addr parsed;
  return inet_pton(family, text.c_str(), &parsed) == 1;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

// The IP address of "ip:port" or "[ip]:port".
std::optional<std::string> ip_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, failed] =
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  std::string ip(text.substr(0, colon));
  const bool bracketed = ip.starts_with('[') && ip.ends_with(']');
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  if (!is_ip(bracketed ? AF_INET6 : AF_INET, ip)) return std::nullopt;
  return ip;
}

}  // namespace

bool is_plain_name(std::string_view name, std::size_t most) {
  return !name.empty() && name.size() <= most && name.front() != '-' && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
         });
}

bool is_provider_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxProviderName &&
         std::ranges::all_of(name, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_colour(std::string_view text) {
  return text.size() == 7 && text.front() == '#' && std::ranges::all_of(text.substr(1), is_hex);
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  for (;;) {
    const std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool is_socket_address(std::string_view text) {
  return ip_of(text).has_value();
}

bool is_loopback_address(std::string_view text) {
  const auto ip = ip_of(text);
  return ip && is_loopback_host(*ip);
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && is_ip(AF_INET, std::string(host)));
}

bool is_prefix(std::string_view text) {
  constexpr std::string_view kMarks = "-._:/@#+";
  return std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFileName && name.front() != '.' &&
         name.find('/') == std::string_view::npos && !text::has_control(name);
}

bool is_guid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::ranges::equal(text, kShape,
                            [](char c, char shape) { return shape == '-' ? c == '-' : is_hex(c); });
}

}  // namespace openunison::config
