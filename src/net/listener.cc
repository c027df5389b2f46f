// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "net/address.h"
#include "net/fd_stream.h"
#include "net/listener_impl.h"
#include "net/sockets.h"

namespace openunison::net {
namespace {

constexpr int kBacklog = 1024;
constexpr Millis kPauseWithoutFiles{100};
// Connections that are accepted before others of the thread get their turn.
constexpr int kAcceptsPerTurn = 32;

std::unexpected<Error> failed(const std::string& address) {
  return fail(Errc::io, "can't listen on " + address + ": " + std::strerror(errno));
}

}  // namespace

Task<void> Listener::Impl::run(std::shared_ptr<Impl> impl, std::shared_ptr<Acceptor> acceptor) {
  int accepted = 0;
  while (!acceptor->closed) {
    if (accepted >= kAcceptsPerTurn) {
      accepted = 0;
      co_await yield();
      continue;  // it may have been closed meanwhile
    }
    sockaddr_storage address{};
    const int fd = sockets::accept(acceptor->descriptor.native_handle(), address);
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

bool Listener::Impl::turn_away(Acceptor& acceptor) {
  if (!acceptor.spare.give()) return false;
  sockaddr_storage unwanted{};
  const int fd = sockets::accept(acceptor.descriptor.native_handle(), unwanted);
  if (fd >= 0) sockets::close(fd);
  acceptor.spare.take();
  if (fd >= 0 && no_files) no_files();
  return fd >= 0;
}

void Listener::Impl::serve(Acceptor& acceptor, int fd, const sockaddr_storage& address) {
  PeerAddress peer = peer_of(address);
  if (admits == nullptr) {
    sockets::no_delay(fd);
    sockets::keep_alive(fd);
  } else if (!admits(fd)) {
    sockets::close(fd);
    return;
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
  if (!impl_->unlink_path.empty()) std::remove(impl_->unlink_path.c_str());
  impl_->unlink_path.clear();
}

void assume_peer(Stream& tcp, PeerAddress peer) {
  if (auto* stream = dynamic_cast<FdStream*>(&tcp)) stream->assume_peer(std::move(peer));
}

// Whether nobody listens there. Sockets with SO_REUSEPORT don't find out: a second server would
// silently take half of the connections. errno tells otherwise.
static bool is_free(const SocketAddress& wanted) {
  const int fd = sockets::open(wanted.storage.ss_family);
  if (fd < 0) return false;
  sockets::reuse_address(fd);
  if (wanted.storage.ss_family == AF_INET6) sockets::only_v6(fd);
  const bool bound = sockets::bind(fd, wanted) == 0;
  const int cause = errno;
  sockets::close(fd);
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
    const int fd = sockets::open(wanted.storage.ss_family);
    if (fd < 0) return failed(address);
    auto acceptor = std::make_shared<Impl::Acceptor>(runtime.executor(thread), fd);
    sockets::reuse_address(fd);
    if (runtime.size() > 1) sockets::share_port(fd);
    if (wanted.storage.ss_family == AF_INET6) sockets::only_v6(fd);
    if (sockets::bind(fd, wanted) != 0 || sockets::listen(fd, kBacklog) != 0)
      return failed(address);
    if (thread == 0) {
      impl->port = peer_of(sockets::local_address(fd)).port;
      wanted.set_port(impl->port);
    }
    impl->acceptors.push_back(std::move(acceptor));
  }
  for (const auto& acceptor : impl->acceptors)
    Runtime::spawn_on(acceptor->executor, Impl::run(impl, acceptor));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

}  // namespace openunison::net
