// SPDX-License-Identifier: Apache-2.0
//
// Windows shows a connect that failed among the sockets with an exception, not among those that can
// be written to, and Asio waits for one of the two. A connect is seldom and short: it is looked at.
#include <winsock2.h>

#include "net/fd_stream.h"

namespace openunison::net {
namespace {

constexpr Millis kLookEvery{5};

bool has_ended(SOCKET socket) {
  fd_set connected, failed;
  FD_ZERO(&connected);
  FD_ZERO(&failed);
  FD_SET(socket, &connected);
  FD_SET(socket, &failed);
  const timeval at_once{};
  return ::select(0, nullptr, &connected, &failed, &at_once) != 0;
}

}  // namespace

Task<Result<void>> wait_connected(Socket& socket, Deadline deadline) {
  for (;;) {
    if (socket.closed()) co_return fail(Errc::cancelled, "the connection was ended here");
    if (has_ended(static_cast<SOCKET>(socket.fd()))) co_return Result<void>{};
    if (std::chrono::steady_clock::now() >= deadline)
      co_return fail(Errc::timed_out, "the other side took too long");
    co_await sleep_until(std::min(deadline, in(kLookEvery)));
  }
}

}  // namespace openunison::net
