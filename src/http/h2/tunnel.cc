// SPDX-License-Identifier: Apache-2.0
#include "http/h2/tunnel.h"

namespace openunison::http::h2 {

Tunnel::Tunnel(std::shared_ptr<ServerConnection> connection, std::shared_ptr<ServerStream> stream)
    : connection_(std::move(connection)), stream_(std::move(stream)) {
  stream_->is_tunnel = true;
}

Tunnel::~Tunnel() {
  close();
}

Task<Result<std::size_t>> Tunnel::read_some(std::span<char> into, net::Deadline deadline) {
  for (;;) {
    if (closed_) co_return fail(net::Errc::cancelled, "the connection was ended here");
    if (const std::size_t count = try_read(into); count > 0) co_return count;
    if (stream_->inbound_ended) co_return std::size_t{0};
    if (stream_->closed) co_return fail(net::Errc::closed, "the other side closed");
    const bool changed = co_await stream_->arrived.wait(deadline);
    if (!changed) co_return fail(net::Errc::timed_out, "the other side took too long");
  }
}

std::size_t Tunnel::try_read(std::span<char> into) {
  if (closed_) return 0;
  const std::size_t count = stream_->unread().copy(into.data(), into.size());
  if (count > 0) {
    connection_->session().consume(*stream_, count);
    connection_->flush();
  }
  return count;
}

Task<Result<void>> Tunnel::write(std::string_view data, net::Deadline deadline) {
  if (closed_) co_return fail(net::Errc::cancelled, "the connection was ended here");
  co_return co_await connection_->put(*stream_, data, false, deadline);
}

Task<Result<void>> Tunnel::write(std::string_view first, std::string_view second,
                                 net::Deadline deadline) {
  auto written = co_await write(first, deadline);
  if (!written || second.empty()) co_return written;
  co_return co_await write(second, deadline);
}

Task<void> Tunnel::shutdown_write(net::Deadline deadline) {
  if (!closed_) co_await connection_->put(*stream_, {}, true, deadline);
}

void Tunnel::close() {
  if (closed_) return;
  closed_ = true;
  Session& session = connection_->session();
  session.discard(*stream_);
  const bool over = stream_->inbound_ended && stream_->end_queued;
  if (!over) session.reset(*stream_, Code::cancel);
  stream_->arrived.notify();
  stream_->taken.notify();
  connection_->flush();
}

}  // namespace openunison::http::h2
