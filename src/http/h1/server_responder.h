// SPDX-License-Identifier: Apache-2.0
//
// One answer on an HTTP/1.1 connection (RFC 9112 §6, §9): whole, streamed, or a change of protocol.
// Lives while the service handles the request. Private to http/.
#pragma once

#include <memory>

#include "http/edge.h"
#include "http/h1/head_writer.h"
#include "http/h1/server_body.h"

namespace openunison::http::h1 {

class ServerResponder final : public EdgeResponder, private BodyWriter {
 public:
  struct Exchange {
    Wire& wire;
    ServerBody& body;
    const Edge& edge;
    std::shared_ptr<Connection> connection;
    bool last;  // no request after this one
  };
  ServerResponder(Exchange exchange, const ParsedRequest& request, bool secure);

  Task<Result<void>> send(Response response) override;
  Task<Result<BodyWriter*>> start(http::ResponseHead head,
                                  std::optional<std::uint64_t> length) override;
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(http::ResponseHead head) override;
  bool started() const override { return started_; }

  // The answer is whole, as it was announced.
  bool whole() const { return whole_; }
  // The client was told that the connection goes on.
  bool keeps_alive() const { return keep_alive_; }

 private:
  Result<std::string> begin(http::ResponseHead head, Framing framing, std::uint64_t length);
  ConnectionField connection_field() const;
  // All of both, in slices, so that a reader that stands still is told from one that is slow.
  Task<Result<void>> write_out(std::string_view first, std::string_view second);
  Task<Result<void>> write_slice(std::string_view first, std::string_view second);

  // BodyWriter.
  Task<Result<void>> write(std::string_view data) override;
  Task<Result<void>> finish() override;

  Exchange exchange_;
  const bool to_head_, http10_;
  bool can_upgrade_;
  bool keep_alive_;
  bool started_ = false, whole_ = false, broken_ = false;
  Framing framing_ = Framing::none;
  std::uint64_t left_ = 0;  // with Framing::length
};

}  // namespace openunison::http::h1
