// SPDX-License-Identifier: Apache-2.0
//
// Private to net/: the calls on sockets that differ between systems. sockets_posix.cc has what
// Linux and macOS share, sockets_linux.cc and sockets_macos.cc what they don't, sockets_windows.cc
// all of it. Failures leave their cause in errno, also where the system has errors of its own.
#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>

#include "net/address.h"

namespace openunison::net::sockets {

// Non-blocking, and not inherited by programs that are started; -1: failed. Likewise accept().
int open(int family);
int accept(int listening, sockaddr_storage& from);
void close(int socket);

// 0, or -1: EINPROGRESS where it must be waited for.
int connect(int socket, const SocketAddress& address);
// What a connect that was waited for ended with; 0: it is connected.
int pending_error(int socket);

// As recv(2) and send(2); no signal for a broken connection. `more`: other data follows at once.
ssize_t receive(int socket, void* into, std::size_t size);
ssize_t send(int socket, const void* from, std::size_t size, bool more);
ssize_t send(int socket, std::string_view first, std::string_view second);
void shutdown_write(int socket);

int bind(int socket, const SocketAddress& address);
int listen(int socket, int backlog);
sockaddr_storage local_address(int socket);

// Small writes aren't held back for more.
void no_delay(int socket);
void keep_alive(int socket);
void only_v6(int socket);
// A listener takes an address whose last one has ended a moment ago, but never a living one's.
void reuse_address(int socket);
// One listener each for several threads.
void share_port(int socket);

// Writing to a connection that is gone fails, and ends nobody.
void ignore_broken_pipes();
// What asks a server to end or to read its files again.
std::span<const int> signals();

}  // namespace openunison::net::sockets
