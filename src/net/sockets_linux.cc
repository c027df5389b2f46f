// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include "net/sockets.h"

namespace openunison::net::sockets {

int open(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int accept(int listening, sockaddr_storage& from) {
  socklen_t length = sizeof from;
  return ::accept4(listening, reinterpret_cast<sockaddr*>(&from), &length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
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

}  // namespace openunison::net::sockets
