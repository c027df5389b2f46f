// SPDX-License-Identifier: Apache-2.0
//
// The body of one request as the connection sees it, and the BodyReader that the service gets. The
// service may keep, move or drop its reader; what follows on the wire stays the connection's
// matter. Private to http/.
#pragma once

#include <optional>

#include "http/h1/body_decoder.h"
#include "http/h1/wire.h"

namespace openunison::http::h1 {

// Of a body that the service left unread, so that the connection can go on.
inline constexpr std::size_t kMaxDrainedBytes = 64 * 1024;

class ServerBody {
 public:
  // `wire` and `limits` outlive it.
  ServerBody(Wire& wire, const ParsedRequest& head, const Limits& limits);

  // As BodyReader::read. An error stays.
  Task<Result<std::size_t>> read(std::span<char> into);
  std::optional<std::uint64_t> length() const { return length_; }
  // All of it was read, or there is none.
  bool finished() const { return decoder_.done(); }
  // The next request can't be found behind this body without reading more than we want to.
  bool blocks_reuse() const;
  // From here on 100 can't be sent: it would stand inside the answer (RFC 9110 §15.2).
  void answer_begins() { answer_began_ = true; }
  // Reads what is left. False: the connection is of no more use.
  Task<bool> drain();

 private:
  Task<Result<void>> send_continue();
  Task<Result<std::size_t>> read_more(std::span<char> into);
  Task<Result<std::size_t>> timed_read(std::span<char> into);
  std::unexpected<Error> remember(Errc code, const char* why);

  Wire& wire_;
  const Limits& limits_;
  BodyDecoder decoder_;
  std::optional<std::uint64_t> length_;
  bool awaits_continue_;  // the client waits for 100 before it sends
  bool answer_began_ = false;
  std::uint64_t total_ = 0;
  net::Deadline::duration waited_{};  // for the client, while a read was asked for
  std::optional<Error> error_;
};

// What the service holds.
class ServerBodyReader final : public BodyReader {
 public:
  explicit ServerBodyReader(ServerBody& body) : body_(body) {}
  Task<Result<std::size_t>> read(std::span<char> into) override { return body_.read(into); }
  std::optional<std::uint64_t> length() const override { return body_.length(); }

 private:
  ServerBody& body_;
};

}  // namespace openunison::http::h1
