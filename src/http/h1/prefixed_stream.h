// SPDX-License-Identifier: Apache-2.0
//
// The stream that upgrade() hands over: first the bytes that the codec had read already, then the
// connection's own. While it lives, it is what draining closes. Private to http/.
#pragma once

#include <memory>
#include <string>

#include "http/edge.h"
#include "net/stream.h"

namespace openunison::http::h1 {

class PrefixedStream final : public net::Stream {
 public:
  PrefixedStream(std::string prefix, std::unique_ptr<net::Stream> inner,
                 std::shared_ptr<Connection> connection);
  ~PrefixedStream() override;

  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline deadline) override;
  std::size_t try_read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view data, net::Deadline deadline) override;
  Task<Result<void>> write(std::string_view first, std::string_view second,
                           net::Deadline deadline) override;
  Task<void> shutdown_write(net::Deadline deadline) override;
  void close() override { inner_->close(); }
  const net::PeerAddress& peer() const override { return inner_->peer(); }
  const net::TlsInfo& tls() const override { return inner_->tls(); }

 private:
  std::size_t take_prefix(std::span<char> into);

  std::string prefix_;
  std::size_t taken_ = 0;
  std::unique_ptr<net::Stream> inner_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace openunison::http::h1
