// SPDX-License-Identifier: Apache-2.0
//
// The BodyReader of an HTTP/2 request. Reading opens the stream's window again, so that a service
// that doesn't read holds the client back. Lives no longer than handle(). Private to http/.
#pragma once

#include <memory>
#include <optional>

#include "http/h2/server_connection.h"

namespace openunison::http::h2 {

class ServerBody final : public BodyReader {
 public:
  ServerBody(ServerConnection& connection, std::shared_ptr<ServerStream> stream)
      : connection_(connection),
        stream_(std::move(stream)),
        length_(stream_->head.length),
        awaits_continue_(stream_->head.expects_continue) {}

  Task<Result<std::size_t>> read(std::span<char> into) override;
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  Task<bool> wait();

  ServerConnection& connection_;
  std::shared_ptr<ServerStream> stream_;
  std::optional<std::uint64_t> length_;
  bool awaits_continue_;
  std::uint64_t total_ = 0;
  net::Deadline::duration waited_{};  // for the client, while a read was asked for
  std::optional<Error> error_;
};

}  // namespace openunison::http::h2
