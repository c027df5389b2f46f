// SPDX-License-Identifier: Apache-2.0
#include "http/proxies.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/syntax.h"

namespace openunison::http {
namespace {

constexpr std::string_view kFields[] = {"forwarded",        "x-forwarded-for",   "x-forwarded-host",
                                        "x-forwarded-port", "x-forwarded-proto", "x-real-ip"};

// Proxies that a request may have come through. What stands further left is looked at no more.
constexpr std::size_t kMostHops = 16;
// RFC 7239 knows four parameters of an element.
constexpr std::size_t kMostParameters = 16;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

// The last elements of a list, at most kMostHops.
std::vector<std::string> last_of_list(std::string_view value) {
  std::vector<std::string> parts;
  while (parts.size() < kMostHops) {
    const std::size_t comma = value.rfind(',');
    const bool is_first = comma == std::string_view::npos;
    parts.emplace(parts.begin(), trimmed(value.substr(is_first ? 0 : comma + 1)));
    if (is_first) break;
    value = value.substr(0, comma);
  }
  return parts;
}

// Takes a token, or a quoted string (RFC 9110 §5.6.4), off the front.
std::optional<std::string> take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    const std::size_t end = std::min(rest.find_first_of(",; \t"), rest.size());
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return is_token(value) ? std::optional(value) : std::nullopt;
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return value;
    }
    if (rest[i] == '\\' && ++i == rest.size()) return std::nullopt;
    value += rest[i];
  }
  return std::nullopt;
}

}  // namespace

bool Proxies::trusts(std::string_view ip) const {
  if (trusted.empty()) return false;
  const auto address = text::IpAddress::parse(ip);
  return address && std::ranges::any_of(trusted, [&](const text::IpRange& range) {
           return range.contains(*address);
         });
}

Result<Proxies::Client> Proxies::reveal(Request& request) const {
  std::vector<std::string> chain;
  const bool by_proxy = trusts(request.peer.ip);
  if (by_proxy) {
    if (field == ForwardedField::x_forwarded_for && request.headers.contains("x-forwarded-for")) {
      chain = last_of_list(request.headers.joined("x-forwarded-for"));
    } else if (field == ForwardedField::forwarded && request.headers.contains("forwarded")) {
      auto parsed = parse_forwarded(request.headers.joined("forwarded"));
      if (!parsed)
        return fail(Errc::bad_request, "the Forwarded field can't be read (RFC 7239 §4)");
      chain = std::move(*parsed);
    }
  }
  while (!chain.empty() && trusts(request.peer.ip)) {
    auto before = forwarded_node(chain.back());
    if (!before) break;
    request.peer = std::move(*before);
    chain.pop_back();
  }
  request.headers.remove_if(
      [](const Field& each) { return std::ranges::find(kFields, each.name) != std::end(kFields); });
  return by_proxy && trusts(request.peer.ip) ? Client::unsaid : Client::known;
}

std::optional<net::PeerAddress> forwarded_node(std::string_view text) {
  std::string_view ip = text, port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    ip = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    if (ip.find(':') == std::string_view::npos) return std::nullopt;
  } else if (std::ranges::count(text, ':') == 1) {
    const std::size_t colon = text.find(':');
    ip = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  const auto address = text::IpAddress::parse(ip);
  if (!address) return std::nullopt;
  net::PeerAddress peer{address->text(), 0};
  // RFC 7239 §6.3 lets a port be hidden ("_x"): then it isn't known.
  if (has_port && !(port.size() > 1 && port.starts_with('_') && is_token(port))) {
    const auto number = port_of(port);
    if (!number) return std::nullopt;
    peer.port = *number;
  }
  return peer;
}

std::optional<std::vector<std::string>> parse_forwarded(std::string_view rest) {
  std::vector<std::string> all;
  for (;;) {
    // Empty elements of a list are no elements (RFC 9110 §5.6.1.2).
    for (rest = trimmed(rest); rest.starts_with(','); rest = trimmed(rest)) rest.remove_prefix(1);
    if (rest.empty()) return all;
    // One element: pairs with ';' between them. Each parameter once (§4).
    std::string node;
    std::vector<std::string> seen;
    for (;;) {
      rest = trimmed(rest);
      const std::size_t equals = rest.find('=');
      if (equals == std::string_view::npos || !is_token(rest.substr(0, equals)))
        return std::nullopt;
      std::string name(rest.substr(0, equals));
      for (char& c : name) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
      if (seen.size() == kMostParameters || std::ranges::find(seen, name) != seen.end())
        return std::nullopt;
      rest.remove_prefix(equals + 1);
      auto value = take_value(rest);
      if (!value) return std::nullopt;
      if (name == "for") node = std::move(*value);
      seen.push_back(std::move(name));
      rest = trimmed(rest);
      if (!rest.starts_with(';')) break;
      rest.remove_prefix(1);
    }
    if (all.size() == kMostHops) all.erase(all.begin());
    all.push_back(std::move(node));
    if (rest.empty()) return all;
    if (rest.front() != ',') return std::nullopt;
    rest.remove_prefix(1);
  }
}

}  // namespace openunison::http
