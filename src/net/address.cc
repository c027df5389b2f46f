// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>

#include <charconv>

namespace openunison::net {

void SocketAddress::set_port(std::uint16_t port) {
  if (storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  }
}

std::optional<SocketAddress> socket_address(const std::string& ip, std::uint16_t port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    address.length = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    address.length = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  address.set_port(port);
  return address;
}

Result<SocketAddress> parse_address(const std::string& text) {
  const auto bad = [&] {
    return fail(Errc::io,
                "\"" + text + "\" is not an address such as 127.0.0.1:8443 or [::1]:8443");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  std::string ip = text.substr(0, colon);
  const bool bracketed = ip.starts_with('[') && ip.ends_with(']');
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  unsigned port = 0;
  const auto [end, failed] =
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size() || port > 65'535) return bad();
  auto address = socket_address(ip, static_cast<std::uint16_t>(port));
  // RFC 3986 §3.2.2: without brackets nobody can tell where an IPv6 address ends.
  if (!address || (address->storage.ss_family == AF_INET6) != bracketed) return bad();
  return *address;
}

PeerAddress peer_of(const sockaddr_storage& storage) {
  PeerAddress peer;
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    peer.port = ntohs(v4->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    peer.port = ntohs(v6->sin6_port);
  }
  peer.ip = text;
  return peer;
}

}  // namespace openunison::net
