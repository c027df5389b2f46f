// SPDX-License-Identifier: Apache-2.0
//
// The stream that upgrade() hands over: DATA frames of an extended CONNECT as raw bytes both ways
// (RFC 8441 §5). May outlive handle() and the connection. Private to http/.
#pragma once

#include <memory>

#include "http/h2/server_connection.h"
#include "net/stream.h"

namespace openunison::http::h2 {

class Tunnel final : public net::Stream {
 public:
  Tunnel(std::shared_ptr<ServerConnection> connection, std::shared_ptr<ServerStream> stream);
  ~Tunnel() override;

  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline deadline) override;
  std::size_t try_read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view data, net::Deadline deadline) override;
  Task<Result<void>> write(std::string_view first, std::string_view second,
                           net::Deadline deadline) override;
  Task<void> shutdown_write(net::Deadline deadline) override;
  void close() override;
  const net::PeerAddress& peer() const override { return connection_->peer(); }
  const net::TlsInfo& tls() const override { return connection_->tls(); }

 private:
  std::shared_ptr<ServerConnection> connection_;
  std::shared_ptr<ServerStream> stream_;
  bool closed_ = false;
};

}  // namespace openunison::http::h2
