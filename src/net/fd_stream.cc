// SPDX-License-Identifier: Apache-2.0
#include "net/fd_stream.h"

#include <cerrno>
#include <cstring>

#include "net/sockets.h"

namespace openunison::net {

Result<std::shared_ptr<Socket>> Socket::create(const Executor& executor, int fd) {
  auto socket = std::make_shared<Socket>(executor);
  boost::system::error_code failed;
  socket->descriptor_.assign(fd, failed);
  if (!failed) return socket;
  sockets::close(fd);
  return fail(Errc::io, "a socket can't be watched: " + failed.message());
}

Task<Result<void>> Socket::wait(Direction& direction, Descriptor::wait_type type,
                                Deadline deadline) {
  const std::shared_ptr<Socket> self = shared_from_this();
  for (;;) {
    if (closed_) co_return fail(Errc::cancelled, "the connection was ended here");
    if (deadline != kNoDeadline && std::chrono::steady_clock::now() >= deadline) {
      co_return fail(Errc::timed_out, "the other side took too long");
    }
    direction = {true, false, deadline};
    arm(deadline);
    const auto [error] = co_await descriptor_.async_wait(type, kAwaitTuple);
    direction.waiting = false;
    if (direction.expired) co_return fail(Errc::timed_out, "the other side took too long");
    if (!error) co_return Result<void>{};
    // The other direction's timeout cancels both: wait again.
  }
}

void Socket::arm(Deadline deadline) {
  if (deadline >= armed_) return;
  armed_ = deadline;
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->on_timer();
  });
}

void Socket::on_timer() {
  armed_ = kNoDeadline;
  if (closed_) return;
  const Deadline now = std::chrono::steady_clock::now();
  Deadline next = kNoDeadline;
  bool cancel = false;
  for (Direction* direction : {&read_, &write_}) {
    if (!direction->waiting) continue;
    if (direction->deadline <= now) {
      direction->expired = true;
      cancel = true;
    } else {
      next = std::min(next, direction->deadline);
    }
  }
  if (cancel) {
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
  }
  if (next != kNoDeadline) arm(next);
}

void Socket::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  timer_.cancel();
}

Task<Result<std::size_t>> FdStream::read_some(std::span<char> into, Deadline deadline) {
  for (;;) {
    if (socket_->closed()) co_return fail(Errc::cancelled, "the connection was ended here");
    const ssize_t got = sockets::receive(socket_->fd(), into.data(), into.size());
    if (got >= 0) co_return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN)
      co_return fail(errno == ECONNRESET ? Errc::closed : Errc::io, std::strerror(errno));
    auto ready = co_await socket_->wait_readable(deadline);
    if (!ready) co_return std::unexpected(ready.error());
  }
}

std::size_t FdStream::try_read(std::span<char> into) {
  if (socket_->closed()) return 0;
  const ssize_t got = sockets::receive(socket_->fd(), into.data(), into.size());
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

Task<Result<void>> FdStream::write(std::string_view data, Deadline deadline) {
  return write(data, {}, deadline);
}

Task<Result<void>> FdStream::write(std::string_view first, std::string_view second,
                                   Deadline deadline) {
  while (!first.empty() || !second.empty()) {
    if (socket_->closed()) co_return fail(Errc::cancelled, "the connection was ended here");
    const ssize_t sent = sockets::send(socket_->fd(), first, second);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN)
        co_return fail(errno == EPIPE || errno == ECONNRESET ? Errc::closed : Errc::io,
                       std::strerror(errno));
      auto ready = co_await socket_->wait_writable(deadline);
      if (!ready) co_return std::unexpected(ready.error());
      continue;
    }
    auto left = static_cast<std::size_t>(sent);
    const std::size_t of_first = std::min(left, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(left - of_first);
  }
  co_return Result<void>{};
}

Task<void> FdStream::shutdown_write(Deadline) {
  if (!socket_->closed()) sockets::shutdown_write(socket_->fd());
  co_return;
}

}  // namespace openunison::net
