// SPDX-License-Identifier: Apache-2.0
//
// The admin socket: a Unix socket for the server's own user alone.
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/listener_impl.h"

namespace openunison::net {
namespace {

bool of_our_user(int socket) {
  ucred who{};
  socklen_t length = sizeof who;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
         (who.uid == ::geteuid() || who.uid == 0);
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open_unix(Runtime& runtime, const std::string& path,
                                                      AcceptHandler accept) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Errc::io, path + ": the path is too long for a socket");
  path.copy(address.sun_path, path.size());
  const auto* pointer = reinterpret_cast<const sockaddr*>(&address);

  // A live server answers; what doesn't is left over from one that was killed.
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool alive = ::connect(probe, pointer, sizeof address) == 0;
  ::close(probe);
  if (alive) return fail(Errc::io, path + ": another server is running with this state directory");
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(Errc::io, path + ": is in the way; it is no socket");
    ::unlink(path.c_str());
  }

  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  auto impl = std::make_shared<Impl>();
  impl->accept = std::move(accept);
  impl->admits = of_our_user;
  impl->unlink_path = path;
  auto acceptor = std::make_shared<Impl::Acceptor>(runtime.executor(0), fd);
  const mode_t former = ::umask(0177);
  const bool bound = ::bind(fd, pointer, sizeof address) == 0;
  ::umask(former);
  if (!bound || ::listen(fd, 16) != 0)
    return fail(Errc::io, "can't listen on " + path + ": " + std::strerror(errno));
  impl->acceptors.push_back(acceptor);
  Runtime::spawn_on(acceptor->executor, Impl::run(impl, acceptor));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

}  // namespace openunison::net
