// SPDX-License-Identifier: Apache-2.0
//
// One answer on an HTTP/2 stream: whole, streamed, or a tunnel (RFC 9113 §8.1, RFC 8441). Lives
// while the service handles the request. Private to http/.
#pragma once

#include <memory>

#include "http/h2/server_connection.h"

namespace openunison::http::h2 {

class ServerResponder final : public EdgeResponder, private BodyWriter {
 public:
  ServerResponder(ServerConnection& connection, std::shared_ptr<ServerStream> stream, bool to_head);

  Task<Result<void>> send(Response response) override;
  Task<Result<BodyWriter*>> start(ResponseHead head, std::optional<std::uint64_t> length) override;
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(ResponseHead head) override;
  bool started() const override { return started_; }

  // The answer is whole, as it was announced.
  bool whole() const { return whole_; }
  // The stream is a tunnel's.
  bool handed_over() const { return handed_over_; }

 private:
  void drop_body() override { connection_.session().discard(*stream_); }
  Result<void> begin(ResponseHead head, std::optional<std::uint64_t> length, bool ended);
  // All of it, in slices, so that a reader that stands still is told from one that is slow.
  Task<Result<void>> put(std::string_view data, bool last);

  // BodyWriter.
  Task<Result<void>> write(std::string_view data) override;
  Task<Result<void>> finish() override;

  ServerConnection& connection_;
  std::shared_ptr<ServerStream> stream_;
  const bool to_head_, can_upgrade_;
  bool started_ = false, whole_ = false, broken_ = false, handed_over_ = false;
  bool no_body_ = false;
  std::optional<std::uint64_t> left_;  // of an announced length
};

}  // namespace openunison::http::h2
