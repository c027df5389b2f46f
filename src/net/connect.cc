// SPDX-License-Identifier: Apache-2.0
#include "net/connect.h"

#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/fd_stream.h"
#include "net/resolver.h"
#include "net/sockets.h"

namespace openunison::net {
namespace {

// Longer than most connects take, shorter than a person's patience times the number of addresses.
constexpr Millis kPerAddress{3'000};

Task<Result<std::unique_ptr<Stream>>> connect_address(SocketAddress address, PeerAddress peer,
                                                      Deadline deadline) {
  const int fd = sockets::open(address.storage.ss_family);
  if (fd < 0) co_return fail(Errc::io, std::strerror(errno));
  const Executor executor = co_await current_executor();
  auto created = Socket::create(executor, fd);
  if (!created) co_return std::unexpected(created.error());
  const std::shared_ptr<Socket> socket = std::move(*created);
  // A timer that still runs holds the socket: closed here, its descriptor doesn't wait for that.
  struct ClosedUnlessDone {
    Socket& socket;
    bool done = false;
    ~ClosedUnlessDone() {
      if (!done) socket.close();
    }
  } guard{*socket};
  if (address.storage.ss_family != AF_UNIX) sockets::no_delay(fd);
  if (sockets::connect(fd, address) != 0) {
    if (errno != EINPROGRESS) co_return fail(Errc::refused, std::strerror(errno));
    auto ready = co_await wait_connected(*socket, deadline);
    if (!ready) co_return std::unexpected(ready.error());
    const int error = sockets::pending_error(fd);
    if (error != 0) co_return fail(Errc::refused, std::strerror(error));
  }
  guard.done = true;
  co_return std::make_unique<FdStream>(socket, std::move(peer));
}

}  // namespace

Task<Result<std::vector<std::string>>> resolve(std::string host, Deadline deadline) {
  if (socket_address(host, 0)) co_return std::vector<std::string>{host};
  const Executor executor = co_await current_executor();
  WorkPool& pool = IoThread::of(executor).resolver();
  co_return co_await pool.run([host] { return resolve_blocking(host); }, deadline);
}

Task<Result<std::unique_ptr<Stream>>> connect_tcp(std::string host, std::uint16_t port,
                                                  Deadline deadline) {
  auto addresses = co_await resolve(host, deadline);
  if (!addresses) co_return std::unexpected(addresses.error());
  Error last(Errc::refused, "no address");
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const auto address = socket_address((*addresses)[i], port);
    if (!address) continue;
    const bool is_last = i + 1 == addresses->size();
    const Deadline limit = is_last ? deadline : std::min(deadline, in(kPerAddress));
    auto stream = co_await connect_address(*address, {(*addresses)[i], port}, limit);
    if (stream) co_return std::move(*stream);
    last = stream.error();
  }
  co_return std::unexpected(
      last.with_context("connecting to " + host + ":" + std::to_string(port)));
}

Task<Result<std::unique_ptr<Stream>>> connect_unix(std::string path, Deadline deadline) {
  SocketAddress address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof local->sun_path)
    co_return fail(Errc::io, path + ": the path is too long for a socket");
  local->sun_family = AF_UNIX;
  path.copy(local->sun_path, path.size());
  address.length = sizeof(sockaddr_un);
  auto stream = co_await connect_address(address, {}, deadline);
  if (!stream) co_return std::unexpected(stream.error().with_context(path));
  co_return stream;
}

}  // namespace openunison::net
