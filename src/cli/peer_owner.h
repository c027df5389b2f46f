// SPDX-License-Identifier: Apache-2.0
//
// Whose process is at the other end of a connection over loopback? Any user of the machine can
// connect to a port of 127.0.0.1. Linux lists both ends of such a connection, with the owner of
// each, in /proc/net/tcp and tcp6.
//
// What it can't tell, and gives nullopt for, which callers take for "nobody else's":
// - the other end is in another network namespace (a container, Windows behind mirrored WSL2): it
//   isn't in our table; the owner of what passes it on (sshd, a port forwarder) is what is seen;
// - it has ended meanwhile: what is left of it has no owner (TIME_WAIT is listed as root's);
// - the owner isn't mapped into our user namespace: the kernel shows the overflow user, 65534;
// - /proc isn't there, or this isn't Linux (peer_owner_linux.cc is the only one so far).
// It is a second wall: what stands first is the state, which a stranger doesn't know.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/stream.h"

namespace openunison::cli {

// The user id of the socket that has `peer` as its own address and `port`, of ours, as its peer's.
std::optional<std::uint32_t> peer_owner(const net::PeerAddress& peer, std::uint16_t port);

// The same in the text of such a table; pure.
std::optional<std::uint32_t> owner_in_table(std::string_view table, const net::PeerAddress& peer,
                                            std::uint16_t port);

// Us; root, which could read this process anyhow and owns the relays of WSL2 and of container
// programs; and for root the one who called it by sudo.
bool is_ours(std::uint32_t owner);

}  // namespace openunison::cli
