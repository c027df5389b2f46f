// SPDX-License-Identifier: Apache-2.0
#include "http/h1/server_responder.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/h1/prefixed_stream.h"

namespace openunison::http::h1 {
namespace {

constexpr std::size_t kSlice = 32 * 1024;

bool never_has_body(int status) {
  return status == 204 || status == 304;
}

std::unexpected<Error> wrong(const char* why) {
  return fail(Errc::internal, why);
}

}  // namespace

ServerResponder::ServerResponder(Exchange exchange, const ParsedRequest& request, bool secure)
    : EdgeResponder(secure, exchange.edge.hsts()),
      exchange_(std::move(exchange)),
      to_head_(request.method == "HEAD"),
      http10_(request.minor == 0),
      can_upgrade_(!request.upgrade.empty()),
      keep_alive_(request.keep_alive && !exchange_.last) {}

Task<Result<void>> ServerResponder::send(Response response) {
  const bool no_body = never_has_body(response.status);
  auto head = begin({response.status, std::move(response.headers)},
                    no_body ? Framing::none : Framing::length, response.content().size());
  if (!head) co_return std::unexpected(head.error());
  const std::string_view body = no_body || to_head_ ? std::string_view() : response.content();
  auto written = co_await write_out(*head, body);
  if (!written) co_return written;
  bytes_ = body.size();
  whole_ = true;
  co_return Result<void>{};
}

Task<Result<BodyWriter*>> ServerResponder::start(http::ResponseHead head,
                                                 std::optional<std::uint64_t> length) {
  if (never_has_body(head.status)) {
    framing_ = Framing::none;
  } else if (length) {
    framing_ = Framing::length;
    left_ = *length;
  } else {
    framing_ = http10_ ? Framing::until_close : Framing::chunked;
  }
  if (framing_ == Framing::until_close) keep_alive_ = false;
  auto text = begin(std::move(head), framing_, left_);
  if (!text) co_return std::unexpected(text.error());
  auto written = co_await write_out(*text, {});
  if (!written) co_return std::unexpected(written.error());
  co_return static_cast<BodyWriter*>(this);
}

Task<Result<std::unique_ptr<net::Stream>>> ServerResponder::upgrade(http::ResponseHead head) {
  if (!can_upgrade_) co_return wrong("the client didn't ask for another protocol");
  if (started_) co_return wrong("the request has an answer already");
  auto completed = complete(head);
  if (!completed) co_return std::unexpected(completed.error());
  status_ = head.status = 101;
  started_ = true;
  keep_alive_ = false;
  std::string text;
  append_response_head(text, head, Framing::none, 0, ConnectionField::upgrade);
  auto written = co_await write_slice(text, {});
  if (!written) co_return std::unexpected(written.error());
  whole_ = true;
  // What the client sent behind its request belongs to the new protocol (RFC 9110 §7.8).
  std::string read_already(exchange_.wire.buffer.view());
  co_return std::make_unique<PrefixedStream>(
      std::move(read_already), std::move(exchange_.wire.stream), exchange_.connection);
}

Result<std::string> ServerResponder::begin(http::ResponseHead head, Framing framing,
                                           std::uint64_t length) {
  if (started_) return wrong("the request has an answer already");
  if (head.status < 200 || head.status > 599) return wrong("the answer's status is out of range");
  TRY_VOID(complete(head));
  head.headers.remove("upgrade");
  started_ = true;
  status_ = head.status;
  if (exchange_.edge.draining() || exchange_.body.blocks_reuse()) keep_alive_ = false;
  exchange_.body.answer_begins();
  std::string text;
  append_response_head(text, head, framing, length, connection_field());
  return text;
}

ConnectionField ServerResponder::connection_field() const {
  if (!keep_alive_) return ConnectionField::close;
  return http10_ ? ConnectionField::keep_alive : ConnectionField::none;
}

Task<Result<void>> ServerResponder::write_out(std::string_view first, std::string_view second) {
  for (;;) {
    const std::string_view slice = second.substr(0, kSlice);
    auto written = co_await write_slice(first, slice);
    if (!written) co_return written;
    first = {};
    second.remove_prefix(slice.size());
    if (second.empty()) co_return Result<void>{};
  }
}

Task<Result<void>> ServerResponder::write_slice(std::string_view first, std::string_view second) {
  if (broken_) co_return fail(net::Errc::closed, "the connection failed before");
  const Limits& limits = exchange_.edge.limits();
  const net::Deadline deadline =
      rate_deadline(limits, first.size() + second.size(), limits.write_min_bytes_per_second);
  auto written = co_await exchange_.wire.stream->write(first, second, deadline);
  if (!written) {
    broken_ = true;
    if (written.error().is(net::Errc::timed_out)) count_refusal(Refusal::write_time);
  }
  co_return written;
}

Task<Result<void>> ServerResponder::write(std::string_view data) {
  if (data.empty() || to_head_ || framing_ == Framing::none) co_return Result<void>{};
  if (whole_) co_return wrong("the answer is finished");
  bytes_ += data.size();
  if (framing_ == Framing::length) {
    if (data.size() > left_) {
      broken_ = true;
      co_return wrong("the answer is longer than announced");
    }
    left_ -= data.size();
  }
  if (framing_ != Framing::chunked) co_return co_await write_out({}, data);
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, kSlice);
    data.remove_prefix(piece.size());
    std::string chunk = fmt::format("{:x}\r\n", piece.size());
    chunk.reserve(chunk.size() + piece.size() + 2);
    chunk.append(piece).append("\r\n");
    auto written = co_await write_slice(chunk, {});
    if (!written) co_return written;
  }
  co_return Result<void>{};
}

Task<Result<void>> ServerResponder::finish() {
  if (whole_) co_return Result<void>{};
  if (broken_) co_return fail(net::Errc::closed, "the connection failed before");
  if (framing_ == Framing::length && left_ > 0 && !to_head_)
    co_return wrong("the answer is shorter than announced");
  if (framing_ == Framing::chunked && !to_head_) {
    auto written = co_await write_slice("0\r\n\r\n", {});
    if (!written) co_return written;
  }
  whole_ = true;
  co_return Result<void>{};
}

}  // namespace openunison::http::h1
