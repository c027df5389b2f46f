// SPDX-License-Identifier: Apache-2.0
//
// What Linux and macOS have in common.
#include <netinet/tcp.h>
#include <unistd.h>

#include <csignal>

#include "net/sockets.h"

namespace openunison::net::sockets {
namespace {

void switch_on(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

}  // namespace

void close(int socket) {
  ::close(socket);
}

int connect(int socket, const SocketAddress& address) {
  return ::connect(socket, address.pointer(), address.length);
}

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

ssize_t receive(int socket, void* into, std::size_t size) {
  return ::recv(socket, into, size, 0);
}

void shutdown_write(int socket) {
  ::shutdown(socket, SHUT_WR);
}

int bind(int socket, const SocketAddress& address) {
  return ::bind(socket, address.pointer(), address.length);
}

int listen(int socket, int backlog) {
  return ::listen(socket, backlog);
}

sockaddr_storage local_address(int socket) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length);
  return bound;
}

void no_delay(int socket) {
  switch_on(socket, IPPROTO_TCP, TCP_NODELAY);
}
void keep_alive(int socket) {
  switch_on(socket, SOL_SOCKET, SO_KEEPALIVE);
}
void only_v6(int socket) {
  switch_on(socket, IPPROTO_IPV6, IPV6_V6ONLY);
}
void reuse_address(int socket) {
  switch_on(socket, SOL_SOCKET, SO_REUSEADDR);
}
// The kernel spreads connections over the threads' sockets.
void share_port(int socket) {
  switch_on(socket, SOL_SOCKET, SO_REUSEPORT);
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

std::span<const int> signals() {
  static constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};
  return kSignals;
}

}  // namespace openunison::net::sockets
