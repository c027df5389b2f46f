// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/log.h"
#include "base/seldom.h"
#include "net/address.h"
#include "net/fd_stream.h"

namespace openunison::net {
namespace {

constexpr int kBacklog = 1024;
constexpr Millis kPauseWithoutFiles{100};
constexpr Millis kWarnEvery{1'000};
// Connections that are accepted before others of the thread get their turn.
constexpr int kAcceptsPerTurn = 32;

std::unexpected<Error> failed(const std::string& address) {
  return fail(Errc::io, "can't listen on " + address + ": " + std::strerror(errno));
}

}  // namespace

// A file descriptor that is kept for when there are no others.
class Spare {
 public:
  Spare() { take(); }
  Spare(const Spare&) = delete;
  ~Spare() { give(); }
  void take() {
    if (fd_ < 0) fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  // False: there was none.
  bool give() {
    if (fd_ < 0) return false;
    ::close(fd_);
    fd_ = -1;
    return true;
  }

 private:
  int fd_ = -1;
};

struct Listener::Impl {
  struct Acceptor {
    Acceptor(const Executor& e, int fd) : executor(e), descriptor(e, fd) {}
    Executor executor;
    Descriptor descriptor;
    bool closed = false;
    Spare spare;
    Seldom warning{kWarnEvery};

    void warn(std::string_view reason) {
      const auto left_out = warning.now();
      if (!left_out) return;
      log::warn("a connection can't be accepted", {{"reason", reason}, {"left_out", *left_out}});
    }
  };
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  AcceptHandler accept;
  std::function<void()> no_files;
  std::uint16_t port = 0;
  bool is_unix = false;
  std::string unlink_path;

  static Task<void> run(std::shared_ptr<Impl> impl, std::shared_ptr<Acceptor> acceptor) {
    int accepted = 0;
    while (!acceptor->closed) {
      if (accepted >= kAcceptsPerTurn) {
        accepted = 0;
        co_await yield();
        continue;  // it may have been closed meanwhile
      }
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      const int fd =
          ::accept4(acceptor->descriptor.native_handle(), reinterpret_cast<sockaddr*>(&address),
                    &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        ++accepted;
        impl->serve(*acceptor, fd, address);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) {
        accepted = 0;
        co_await acceptor->descriptor.async_wait(Descriptor::wait_read, kAwaitTuple);
        continue;
      }
      const int cause = errno;
      ++accepted;
      acceptor->warn(std::strerror(cause));
      if ((cause == EMFILE || cause == ENFILE) && impl->turn_away(*acceptor)) continue;
      // Out of memory, or of the last descriptor too: connections wait in the backlog.
      co_await sleep_until(in(kPauseWithoutFiles));
      acceptor->spare.take();
    }
  }

  // Closes the connection that comes next. False: it couldn't be accepted either.
  bool turn_away(Acceptor& acceptor) {
    if (!acceptor.spare.give()) return false;
    const int fd = ::accept4(acceptor.descriptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    acceptor.spare.take();
    if (fd >= 0 && no_files) no_files();
    return fd >= 0;
  }

  void serve(Acceptor& acceptor, int fd, const sockaddr_storage& address) {
    PeerAddress peer = peer_of(address);
    if (is_unix) {
      ucred who{};
      socklen_t length = sizeof who;
      const bool same_user = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
                             (who.uid == ::geteuid() || who.uid == 0);
      if (!same_user) {
        ::close(fd);
        return;
      }
    } else {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    auto socket = Socket::create(acceptor.executor, fd);
    if (!socket) {
      acceptor.warn(socket.error().message());
      if (no_files) no_files();
      return;
    }
    Runtime::spawn_on(acceptor.executor,
                      accept(std::make_unique<FdStream>(std::move(*socket), std::move(peer))));
  }
};

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  close();
}
std::uint16_t Listener::port() const {
  return impl_->port;
}

void Listener::close() {
  for (const auto& acceptor : impl_->acceptors) {
    Runtime::post(acceptor->executor, [acceptor] {
      acceptor->closed = true;
      boost::system::error_code ignored;
      acceptor->descriptor.close(ignored);
    });
  }
  impl_->acceptors.clear();
  if (!impl_->unlink_path.empty()) ::unlink(impl_->unlink_path.c_str());
  impl_->unlink_path.clear();
}

void assume_peer(Stream& tcp, PeerAddress peer) {
  if (auto* stream = dynamic_cast<FdStream*>(&tcp)) stream->assume_peer(std::move(peer));
}

// Whether nobody listens there. Sockets with SO_REUSEPORT don't find out: a second server would
// silently take half of the connections. errno tells otherwise.
static bool is_free(const SocketAddress& wanted) {
  const int fd = ::socket(wanted.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (wanted.storage.ss_family == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool bound = ::bind(fd, wanted.pointer(), wanted.length) == 0;
  const int cause = errno;
  ::close(fd);
  errno = cause;
  return bound;
}

Result<std::unique_ptr<Listener>> Listener::open(Runtime& runtime, const std::string& address,
                                                 AcceptHandler accept,
                                                 std::function<void()> no_files) {
  auto wanted = TRY(parse_address(address));
  if (!is_free(wanted)) return failed(address);
  auto impl = std::make_shared<Impl>();
  impl->accept = std::move(accept);
  impl->no_files = std::move(no_files);
  for (unsigned thread = 0; thread < runtime.size(); ++thread) {
    const int fd =
        ::socket(wanted.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return failed(address);
    auto acceptor = std::make_shared<Impl::Acceptor>(runtime.executor(thread), fd);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // The kernel spreads connections over the threads' sockets.
    if (runtime.size() > 1) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (wanted.storage.ss_family == AF_INET6)
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd, wanted.pointer(), wanted.length) != 0 || ::listen(fd, kBacklog) != 0)
      return failed(address);
    if (thread == 0) {
      sockaddr_storage bound{};
      socklen_t length = sizeof bound;
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
      impl->port = peer_of(bound).port;
      wanted.set_port(impl->port);
    }
    impl->acceptors.push_back(std::move(acceptor));
  }
  for (const auto& acceptor : impl->acceptors)
    Runtime::spawn_on(acceptor->executor, Impl::run(impl, acceptor));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

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
  impl->is_unix = true;
  impl->unlink_path = path;
  auto acceptor = std::make_shared<Impl::Acceptor>(runtime.executor(0), fd);
  const mode_t former = ::umask(0177);
  const bool bound = ::bind(fd, pointer, sizeof address) == 0;
  ::umask(former);
  if (!bound || ::listen(fd, 16) != 0) return failed(path);
  impl->acceptors.push_back(acceptor);
  Runtime::spawn_on(acceptor->executor, Impl::run(impl, acceptor));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

}  // namespace openunison::net
