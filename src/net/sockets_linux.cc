// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>
#include <sys/uio.h>
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

int open(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int accept(int listening, sockaddr_storage& from) {
  socklen_t length = sizeof from;
  return ::accept4(listening, reinterpret_cast<sockaddr*>(&from), &length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

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

ssize_t send(int socket, const void* from, std::size_t size, bool more) {
  return ::send(socket, from, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

ssize_t send(int socket, std::string_view first, std::string_view second) {
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
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
