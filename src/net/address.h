// SPDX-License-Identifier: Apache-2.0
//
// Socket addresses from and to text. Private to net/.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "net/stream.h"

namespace openunison::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* pointer() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void set_port(std::uint16_t port);
};

// "127.0.0.1:8443", "[::1]:8443". Error: io.
Result<SocketAddress> parse_address(const std::string& text);
// nullopt: `ip` is no address.
std::optional<SocketAddress> socket_address(const std::string& ip, std::uint16_t port);
PeerAddress peer_of(const sockaddr_storage& storage);

}  // namespace openunison::net
