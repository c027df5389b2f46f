// SPDX-License-Identifier: Apache-2.0
#include "http/h2/server_responder.h"

#include <fmt/format.h>

#include "http/date.h"
#include "http/h2/tunnel.h"

namespace openunison::http::h2 {
namespace {

constexpr std::size_t kSlice = 32 * 1024;

bool never_has_body(int status) {
  return status == 204 || status == 304;
}

// Of an answer, until the client has taken it.
class Waiting {
 public:
  Waiting(ServerConnection& connection, std::size_t bytes)
      : connection_(connection), bytes_(bytes) {}
  Waiting(const Waiting&) = delete;
  ~Waiting() { connection_.taken(bytes_); }

 private:
  ServerConnection& connection_;
  const std::size_t bytes_;
};

std::unexpected<Error> wrong(const char* why) {
  return fail(Errc::internal, why);
}

}  // namespace

ServerResponder::ServerResponder(ServerConnection& connection, std::shared_ptr<ServerStream> stream,
                                 bool to_head)
    : EdgeResponder(connection.tls().active, connection.edge().hsts()),
      connection_(connection),
      stream_(std::move(stream)),
      to_head_(to_head),
      can_upgrade_(!stream_->head.upgrade.empty()) {}

Task<Result<void>> ServerResponder::send(Response response) {
  const bool announced = !never_has_body(response.status);
  const std::string_view body = response.content();
  const bool empty = !announced || to_head_ || body.empty();
  auto begun = begin({response.status, std::move(response.headers)},
                     announced ? std::optional<std::uint64_t>(body.size()) : std::nullopt, empty);
  if (!begun) co_return begun;
  if (!empty) {
    auto written = co_await put(body, true);
    if (!written) co_return written;
    bytes_ = body.size();
  }
  whole_ = true;
  co_return Result<void>{};
}

Task<Result<BodyWriter*>> ServerResponder::start(ResponseHead head,
                                                 std::optional<std::uint64_t> length) {
  no_body_ = to_head_ || never_has_body(head.status);
  if (never_has_body(head.status)) length.reset();
  auto begun = begin(std::move(head), length, no_body_);
  if (!begun) co_return std::unexpected(begun.error());
  left_ = length;
  co_return static_cast<BodyWriter*>(this);
}

Task<Result<std::unique_ptr<net::Stream>>> ServerResponder::upgrade(ResponseHead head) {
  if (!can_upgrade_) co_return wrong("the client didn't ask for another protocol");
  head.status = 200;
  auto begun = begin(std::move(head), std::nullopt, false);
  if (!begun) co_return std::unexpected(begun.error());
  whole_ = handed_over_ = true;
  co_return std::make_unique<Tunnel>(connection_.shared_from_this(), stream_);
}

Result<void> ServerResponder::begin(ResponseHead head, std::optional<std::uint64_t> length,
                                    bool ended) {
  if (started_) return wrong("the request has an answer already");
  if (head.status < 200 || head.status > 599) return wrong("the answer's status is out of range");
  TRY_VOID(complete(head));
  head.headers.remove_if([](const Field& field) {  // HTTP/1.1's (RFC 9113 §8.2.2)
    return field.name == "upgrade" || field.name == "proxy-connection";
  });
  head.headers.add("date", std::string(http_date()));
  if (length) head.headers.add("content-length", fmt::format_int(*length).str());
  started_ = true;
  status_ = head.status;
  if (stream_->closed) return fail(net::Errc::closed, "the client has ended the stream");
  connection_.session().submit_head(*stream_, head, ended);
  connection_.flush();
  return {};
}

Task<Result<void>> ServerResponder::put(std::string_view data, bool last) {
  if (broken_) co_return fail(net::Errc::closed, "the stream failed before");
  if (!connection_.keep_waiting(data.size())) {
    broken_ = stream_->asked_too_much = true;
    count_refusal(Refusal::h2_waiting_bytes);
    co_return fail(net::Errc::closed, "the client doesn't take the answers that it asks for");
  }
  const Waiting waiting(connection_, data.size());
  const Limits& limits = connection_.edge().limits();
  for (;;) {
    const std::string_view slice = data.substr(0, kSlice);
    data.remove_prefix(slice.size());
    auto written = co_await connection_.put(
        *stream_, slice, last && data.empty(),
        rate_deadline(limits, slice.size(), limits.write_min_bytes_per_second));
    if (!written) {
      broken_ = true;
      if (written.error().is(net::Errc::timed_out)) {
        count_refusal(Refusal::write_time);
        connection_.session().charge_reset();
      }
      co_return written;
    }
    if (data.empty()) co_return written;
  }
}

Task<Result<void>> ServerResponder::write(std::string_view data) {
  if (data.empty() || no_body_) co_return Result<void>{};
  if (whole_) co_return wrong("the answer is finished");
  if (left_ && data.size() > *left_) {
    broken_ = true;
    co_return wrong("the answer is longer than announced");
  }
  if (left_) *left_ -= data.size();
  bytes_ += data.size();
  co_return co_await put(data, false);
}

Task<Result<void>> ServerResponder::finish() {
  if (whole_) co_return Result<void>{};
  if (broken_) co_return fail(net::Errc::closed, "the stream failed before");
  if (!no_body_) {
    if (left_.value_or(0) > 0) co_return wrong("the answer is shorter than announced");
    auto written = co_await put({}, true);
    if (!written) co_return written;
  }
  whole_ = true;
  co_return Result<void>{};
}

}  // namespace openunison::http::h2
