// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/uio.h>

#include "net/sockets.h"

namespace openunison::net::sockets {
namespace {

// What Linux does in one call. Nobody of this program starts another one in between.
int prepared(int socket) {
  if (socket < 0) return socket;
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
  return socket;
}

}  // namespace

int open(int family) {
  return prepared(::socket(family, SOCK_STREAM, 0));
}

int accept(int listening, sockaddr_storage& from) {
  socklen_t length = sizeof from;
  return prepared(::accept(listening, reinterpret_cast<sockaddr*>(&from), &length));
}

ssize_t send(int socket, const void* from, std::size_t size, bool) {
  return ::send(socket, from, size, 0);
}

ssize_t send(int socket, std::string_view first, std::string_view second) {
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return ::sendmsg(socket, &message, 0);
}

}  // namespace openunison::net::sockets
