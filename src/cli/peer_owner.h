// SPDX-License-Identifier: Apache-2.0
//
// Whose process is at the other end of a connection over loopback? Any user of the machine can
// connect to a port of 127.0.0.1. Linux lists both ends of such a connection, with the owner of
// each, in /proc/net/tcp and tcp6; one that is reached over IPv4 by an IPv6 socket is in tcp6.
//
// Who has closed its end already, or half of it, is somebody whom nothing can be told of any more:
// what is left has no owner, or root for one. A browser waits for the answer, so that is `gone`,
// and refused. The state in the address doesn't keep strangers out by itself: the browser is
// started with the address in its arguments, which every user can list.
//
// What it can't tell, and callers take for "nobody else's":
// - the owner isn't mapped into our user namespace: the kernel shows the overflow user, 65534;
// - WSL2 with mirrored networking: the browser is a process of Windows, in no table of Linux;
// - there is no such table, or this isn't Linux (peer_owner_linux.cc is the only one so far).
// Of what passes a connection on (sshd, a port forwarder) its own owner is seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/stream.h"

namespace openunison::cli {

struct PeerOwner {
  enum class Kind { unknown, gone, user };
  Kind kind = Kind::unknown;
  std::uint32_t id = 0;  // of a user

  bool operator==(const PeerOwner&) const = default;
};

// Whose socket has `peer` as its own address and `port`, of our loopback address, as its peer's.
PeerOwner peer_owner(const net::PeerAddress& peer, std::uint16_t port);

// The same in the text of such a table; pure. nullopt: it isn't there.
std::optional<PeerOwner> owner_in_table(std::string_view table, const net::PeerAddress& peer,
                                        std::uint16_t port);

// Us; root, which could read this process anyhow and owns the relays of WSL2 and of container
// programs; and for root the one who called it by sudo.
bool is_ours(std::uint32_t owner);

// Whether what comes from there may count.
bool may_call_back(const PeerOwner& owner);

}  // namespace openunison::cli
