// SPDX-License-Identifier: Apache-2.0
//
// Winsock, whose handles have 32 bits that count, so that an int holds one as elsewhere. Asio has
// started it before main().
#include <winsock2.h>
// After it.
#include <windows.h>

#include <cerrno>
#include <csignal>

#include "net/sockets.h"

namespace openunison::net::sockets {
namespace {

// The causes that callers ask for, and those that a person may be shown.
int as_errno(int cause) {
  switch (cause) {
    case WSAEWOULDBLOCK:
      return EAGAIN;
    case WSAEINTR:
      return EINTR;
    case WSAECONNRESET:
    case WSAENETRESET:
      return ECONNRESET;
    case WSAECONNABORTED:
      return ECONNABORTED;
    case WSAESHUTDOWN:
    case WSAENOTCONN:
      return EPIPE;
    case WSAECONNREFUSED:
      return ECONNREFUSED;
    case WSAETIMEDOUT:
      return ETIMEDOUT;
    case WSAENETUNREACH:
    case WSAENETDOWN:
      return ENETUNREACH;
    case WSAEHOSTUNREACH:
      return EHOSTUNREACH;
    case WSAEADDRINUSE:
      return EADDRINUSE;
    case WSAEADDRNOTAVAIL:
      return EADDRNOTAVAIL;
    case WSAEAFNOSUPPORT:
      return EAFNOSUPPORT;
    case WSAEACCES:
      return EACCES;
    case WSAEMFILE:
      return EMFILE;
    case WSAENOBUFS:
      return ENOMEM;
    default:
      return EIO;
  }
}

// Notes why a call has failed.
int failed() {
  errno = as_errno(::WSAGetLastError());
  return -1;
}

SOCKET handle(int socket) {
  return static_cast<SOCKET>(socket);
}

void switch_on(int socket, int level, int option) {
  const BOOL on = TRUE;
  ::setsockopt(handle(socket), level, option, reinterpret_cast<const char*>(&on), sizeof on);
}

int prepared(SOCKET socket) {
  if (socket == INVALID_SOCKET) return failed();
  u_long on = 1;
  ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on);
  ::SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
  return static_cast<int>(socket);
}

}  // namespace

int open(int family) {
  return prepared(::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

int accept(int listening, sockaddr_storage& from) {
  int length = sizeof from;
  return prepared(::accept(handle(listening), reinterpret_cast<sockaddr*>(&from), &length));
}

void close(int socket) {
  ::closesocket(handle(socket));
}

int connect(int socket, const SocketAddress& address) {
  if (::connect(handle(socket), address.pointer(), static_cast<int>(address.length)) == 0) return 0;
  failed();
  if (errno == EAGAIN) errno = EINPROGRESS;
  return -1;
}

int pending_error(int socket) {
  int error = 0;
  int length = sizeof error;
  ::getsockopt(handle(socket), SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &length);
  return error == 0 ? 0 : as_errno(error);
}

ssize_t receive(int socket, void* into, std::size_t size) {
  const int got = ::recv(handle(socket), static_cast<char*>(into), static_cast<int>(size), 0);
  return got < 0 ? failed() : got;
}

ssize_t send(int socket, const void* from, std::size_t size, bool) {
  const int sent =
      ::send(handle(socket), static_cast<const char*>(from), static_cast<int>(size), 0);
  return sent < 0 ? failed() : sent;
}

ssize_t send(int socket, std::string_view first, std::string_view second) {
  WSABUF parts[2] = {{static_cast<ULONG>(first.size()), const_cast<char*>(first.data())},
                     {static_cast<ULONG>(second.size()), const_cast<char*>(second.data())}};
  DWORD sent = 0;
  if (::WSASend(handle(socket), parts, 2, &sent, 0, nullptr, nullptr) != 0) return failed();
  return static_cast<ssize_t>(sent);
}

void shutdown_write(int socket) {
  ::shutdown(handle(socket), SD_SEND);
}

int bind(int socket, const SocketAddress& address) {
  return ::bind(handle(socket), address.pointer(), static_cast<int>(address.length)) == 0
             ? 0
             : failed();
}

int listen(int socket, int backlog) {
  return ::listen(handle(socket), backlog) == 0 ? 0 : failed();
}

sockaddr_storage local_address(int socket) {
  sockaddr_storage bound{};
  int length = sizeof bound;
  ::getsockname(handle(socket), reinterpret_cast<sockaddr*>(&bound), &length);
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
// SO_REUSEADDR would let two living ones have the same address there, and the first is only taken
// when nobody else can come beside it.
void reuse_address(int socket) {
  switch_on(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
}
// There is no such thing: a second thread's listener fails.
void share_port(int) {}

// There are none.
void ignore_broken_pipes() {}

std::span<const int> signals() {
  static constexpr int kSignals[] = {SIGTERM, SIGINT};
  return kSignals;
}

}  // namespace openunison::net::sockets
