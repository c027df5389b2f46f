// SPDX-License-Identifier: Apache-2.0
//
// The server's side of an HTTP/1.1 connection: read a head, hand the request to the edge, send the answer, again. Requests
// are answered in order. Runs on the connection's thread; ends with it.
#include <algorithm>

#include "base/log.h"
#include "http/edge.h"
#include "http/h1/syntax.h"

namespace openunison::http::h1 {
namespace {

constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kDrainBytes = 64 * 1024;   // of a body that the service didn't read
constexpr Millis kLingerTime{2'000};
constexpr Millis kRateGrace{10'000};

// A deadline for `bytes` at a minimum rate, from `since`.
net::Deadline rate_deadline(net::Deadline since, std::uint64_t bytes, std::uint64_t bytes_per_second) {
  return since + kRateGrace + Millis(static_cast<std::int64_t>(bytes * 1000 / std::max<std::uint64_t>(bytes_per_second, 1)));
}

// The stream of one connection with what was read beyond the present message.
struct Wire {
  std::unique_ptr<net::Stream> stream;
  std::string buffer;  // read, not yet consumed

  Task<Result<std::size_t>> fill(net::Deadline deadline) {
    const std::size_t had = buffer.size();
    buffer.resize(had + kReadSize);
    auto got = co_await stream->read_some({buffer.data() + had, kReadSize}, deadline);
    buffer.resize(had + (got ? *got : 0));
    co_return got;
  }
};

class Body final : public BodyReader {
 public:
  Body(Wire& wire, const RequestHead& head, const Limits& limits)
      : wire_(wire), limits_(limits), framing_(head.framing), left_(head.length), expects_continue_(head.expects_continue) {
    if (framing_ != Framing::chunked) length_ = head.length;
    started_ = std::chrono::steady_clock::now();
  }

  std::optional<std::uint64_t> length() const override { return length_; }
  bool finished() const { return framing_ == Framing::none || done_; }
  // A client that still waits for "100 Continue" hasn't sent its body.
  bool unsent() const { return expects_continue_; }

  Task<Result<std::size_t>> read(std::span<char> into) override {
    if (error_) co_return std::unexpected(*error_);
    if (finished() || into.empty()) co_return std::size_t{0};
    if (expects_continue_) {
      expects_continue_ = false;
      auto told = co_await wire_.stream->write("HTTP/1.1 100 \r\n\r\n", net::in(limits_.header_timeout));
      if (!told) co_return remember(told.error());
    }
    for (;;) {
      if (wire_.buffer.empty()) {
        auto got = co_await wire_.fill(rate_deadline(started_, total_, limits_.body_min_bytes_per_second));
        if (!got) {
          if (got.error().is(net::Errc::timed_out)) co_return remember(Error(Errc::timed_out, "the body comes too slowly"));
          co_return remember(Error(Errc::body_ended_early, "the connection ended inside the body"));
        }
        if (*got == 0) co_return remember(Error(Errc::body_ended_early, "the connection ended inside the body"));
      }
      auto taken = take(into);
      if (!taken) co_return remember(taken.error());
      total_ += *taken;
      if (total_ > limits_.body_bytes) co_return remember(Error(Errc::body_too_large, "the body is too large"));
      if (*taken > 0 || done_) co_return *taken;
    }
  }

 private:
  Result<std::size_t> take(std::span<char> into) {
    if (framing_ == Framing::length) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({left_, wire_.buffer.size(), into.size()}));
      wire_.buffer.copy(into.data(), count);
      wire_.buffer.erase(0, count);
      left_ -= count;
      done_ = left_ == 0;
      return count;
    }
    // Only as much of the input as fits, so that a step's data does.
    const std::string_view input = std::string_view(wire_.buffer).substr(0, into.size());
    const ChunkDecoder::Step step = TRY(decoder_.step(input));
    step.data.copy(into.data(), step.data.size());
    const std::size_t count = step.data.size();
    done_ = step.done;
    wire_.buffer.erase(0, step.consumed);
    return count;
  }

  std::unexpected<Error> remember(Error error) {
    error_ = error;
    return std::unexpected(std::move(error));
  }

  Wire& wire_;
  const Limits& limits_;
  Framing framing_;
  std::uint64_t left_;
  bool expects_continue_;
  std::optional<std::uint64_t> length_;
  ChunkDecoder decoder_;
  bool done_ = false;
  std::uint64_t total_ = 0;
  net::Deadline started_;
  std::optional<Error> error_;
};

// A stream whose first bytes were read already.
class PrefixedStream final : public net::Stream {
 public:
  PrefixedStream(std::string prefix, std::unique_ptr<net::Stream> inner) : prefix_(std::move(prefix)), inner_(std::move(inner)) {}
  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline deadline) override {
    const std::size_t count = try_prefix(into);
    if (count > 0) co_return count;
    co_return co_await inner_->read_some(into, deadline);
  }
  std::size_t try_read(std::span<char> into) override {
    const std::size_t count = try_prefix(into);
    return count > 0 ? count : inner_->try_read(into);
  }
  Task<Result<void>> write(std::string_view data, net::Deadline deadline) override { return inner_->write(data, deadline); }
  Task<Result<void>> write(std::string_view first, std::string_view second, net::Deadline deadline) override {
    return inner_->write(first, second, deadline);
  }
  Task<void> shutdown_write(net::Deadline deadline) override { return inner_->shutdown_write(deadline); }
  void close() override { inner_->close(); }
  const net::PeerAddress& peer() const override { return inner_->peer(); }
  const net::TlsInfo& tls() const override { return inner_->tls(); }

 private:
  std::size_t try_prefix(std::span<char> into) {
    const std::size_t count = std::min(into.size(), prefix_.size());
    prefix_.copy(into.data(), count);
    prefix_.erase(0, count);
    return count;
  }
  std::string prefix_;
  std::unique_ptr<net::Stream> inner_;
};

class H1Responder final : public CountingResponder, private BodyWriter {
 public:
  H1Responder(Wire& wire, const Edge& edge, const RequestHead& head, bool secure)
      : wire_(wire), edge_(edge), secure_(secure), head_request_(head.method == "HEAD"), http10_(head.minor == 0), keep_alive_(head.keep_alive) {}

  bool started() const override { return started_; }
  bool keep_alive() const { return keep_alive_ && whole_; }
  void must_close() { keep_alive_ = false; }

  Task<Result<void>> send(Response response) override {
    const bool no_body = response.status < 200 || response.status == 204 || response.status == 304;
    http::ResponseHead head{response.status, std::move(response.headers)};
    std::string text = begin(head, no_body ? Framing::none : Framing::length, response.body.size());
    const std::string_view body = no_body || head_request_ ? std::string_view() : std::string_view(response.body);
    auto written = co_await wire_.stream->write(text, body, deadline(text.size() + body.size()));
    bytes_ = body.size();
    whole_ = written.has_value();
    co_return written;
  }

  Task<Result<BodyWriter*>> start(http::ResponseHead head, std::optional<std::uint64_t> length) override {
    framing_ = length ? Framing::length : http10_ ? Framing::until_close : Framing::chunked;
    left_ = length.value_or(0);
    if (framing_ == Framing::until_close) keep_alive_ = false;
    const std::string text = begin(head, framing_, left_);
    auto written = co_await wire_.stream->write(text, deadline(text.size()));
    if (!written) co_return std::unexpected(written.error());
    co_return static_cast<BodyWriter*>(this);
  }

  Task<Result<std::unique_ptr<net::Stream>>> upgrade(http::ResponseHead head) override {
    started_ = true;
    status_ = head.status = 101;
    std::string text;
    append_response_head(text, head, Framing::none, 0, true, http_date());
    auto written = co_await wire_.stream->write(text, deadline(text.size()));
    if (!written) co_return std::unexpected(written.error());
    co_return std::make_unique<PrefixedStream>(std::move(wire_.buffer), std::move(wire_.stream));
  }

 private:
  std::string begin(http::ResponseHead& head, Framing framing, std::uint64_t length) {
    started_ = true;
    status_ = head.status;
    if (edge_.draining()) keep_alive_ = false;
    edge_.finish_head(head, secure_);
    std::string text;
    text.reserve(512);
    append_response_head(text, head, framing, length, keep_alive_, http_date());
    return text;
  }

  net::Deadline deadline(std::size_t bytes) const {
    return rate_deadline(std::chrono::steady_clock::now(), bytes, edge_.limits().write_min_bytes_per_second);
  }

  // BodyWriter.
  Task<Result<void>> write(std::string_view data) override {
    if (data.empty() || head_request_) co_return Result<void>{};
    bytes_ += data.size();
    if (framing_ == Framing::length) {
      if (data.size() > left_) co_return fail(Errc::internal, "the answer is longer than it was said to be");
      left_ -= data.size();
      co_return co_await wire_.stream->write(data, deadline(data.size()));
    }
    if (framing_ == Framing::until_close) co_return co_await wire_.stream->write(data, deadline(data.size()));
    char size[24];
    const int length = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    std::string chunk(size, static_cast<std::size_t>(length));
    chunk.append(data).append("\r\n");
    co_return co_await wire_.stream->write(chunk, deadline(chunk.size()));
  }
  Task<Result<void>> finish() override {
    if (framing_ == Framing::length && left_ > 0 && !head_request_) co_return fail(Errc::internal, "the answer is shorter than it was said to be");
    if (framing_ == Framing::chunked && !head_request_) {
      auto written = co_await wire_.stream->write("0\r\n\r\n", deadline(5));
      if (!written) co_return written;
    }
    whole_ = true;
    co_return Result<void>{};
  }

  Wire& wire_;
  const Edge& edge_;
  bool secure_, head_request_, http10_, keep_alive_;
  bool started_ = false, whole_ = false;
  Framing framing_ = Framing::none;
  std::uint64_t left_ = 0;
};

const char* refusal_reason(int status) {
  switch (status) {
    case 408: return "timeout";
    case 413: return "body_size";
    case 414: return "target_size";
    case 431: return "header_size";
    default: return "malformed";
  }
}

// Answers what could not be read as a request, then closes so that the other side sees the answer.
Task<void> refuse(Wire& wire, Error error) {
  const int status = status_of(error.code());
  Edge::note_refusal(refusal_reason(status));
  Response response{status, {}, error.message() + "\n"};
  http::ResponseHead head{status, {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}}};
  std::string text;
  append_response_head(text, head, Framing::length, response.body.size(), false, http_date());
  auto written = co_await wire.stream->write(text, response.body, net::in(kLingerTime));
  if (!written) co_return;
}

// Closing with unread input makes TCP reset the connection, and the answer is lost: read on for a moment.
Task<void> linger(Wire& wire) {
  const net::Deadline end = net::in(kLingerTime);
  co_await wire.stream->shutdown_write(end);
  char sink[4096];
  for (std::size_t total = 0; total < kDrainBytes;) {
    auto got = co_await wire.stream->read_some(sink, end);
    if (!got || *got == 0) co_return;
    total += *got;
  }
}

// Reads until a whole head is in the buffer. nullopt: the connection ended, or was idle for too long, between requests.
Task<Result<std::optional<std::size_t>>> read_head(Wire& wire, HeadScanner& scanner, const Limits& limits, bool first) {
  std::optional<net::Deadline> head_deadline;
  for (;;) {
    if (!wire.buffer.empty()) {
      if (!head_deadline) head_deadline = net::in(limits.header_timeout);
      auto found = scanner.scan(wire.buffer);
      if (!found || *found) co_return found;
    }
    const net::Deadline idle = net::in(first ? limits.first_byte_timeout : limits.idle_timeout);
    auto got = co_await wire.fill(head_deadline.value_or(idle));
    if (!got) {
      if (got.error().is(net::Errc::timed_out) && head_deadline) co_return fail(Errc::timed_out, "the request comes too slowly");
      co_return std::optional<std::size_t>();
    }
    if (*got == 0) co_return std::optional<std::size_t>();
  }
}

Request to_request(RequestHead& head, const net::Stream& stream) {
  Request request;
  request.method = std::move(head.method);
  request.secure = stream.tls().active;
  request.authority = std::move(head.authority);
  request.path = std::move(head.path);
  request.query = std::move(head.query);
  request.headers = std::move(head.headers);
  request.peer = stream.peer();
  request.tls = stream.tls();
  request.upgrade = std::move(head.upgrade);
  return request;
}

// One request. False: the connection ends.
Task<bool> serve_one(Wire& wire, Edge& edge, Connection& connection, HeadScanner& scanner, bool first) {
  const Limits& limits = edge.limits();
  auto length = co_await read_head(wire, scanner, limits, first);
  if (length && !*length) co_return false;
  connection.idle = false;
  const bool secure = wire.stream->tls().active;
  Result<RequestHead> head = length ? parse_request(std::string_view(wire.buffer).substr(0, **length), limits, secure)
                                    : Result<RequestHead>(std::unexpected(length.error()));
  if (head && head->framing == Framing::length && head->length > limits.body_bytes) {
    head = fail(Errc::body_too_large, "the body is too large");
  }
  if (!head) {
    co_await refuse(wire, head.error());
    co_await linger(wire);
    co_return false;
  }
  wire.buffer.erase(0, **length);
  scanner.reset();

  H1Responder responder(wire, edge, *head, secure);
  auto body = std::make_unique<Body>(wire, *head, limits);
  Body& body_ref = *body;
  Request request = to_request(*head, *wire.stream);
  request.body = std::move(body);
  co_await edge.handle(request, responder);
  if (!wire.stream) co_return false;  // handed over by upgrade()

  bool clean = responder.keep_alive();
  if (!body_ref.finished()) {
    clean = clean && !body_ref.unsent();
    char sink[4096];
    for (std::size_t total = 0; clean && !body_ref.finished();) {
      auto got = co_await body_ref.read(sink);
      total += got ? *got : 0;
      clean = got && total <= kDrainBytes;
    }
    if (!clean) co_await linger(wire);
  }
  if (!clean) co_await wire.stream->shutdown_write(net::in(kLingerTime));
  connection.idle = true;
  co_return clean && !edge.draining();
}

}  // namespace

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge) {
  Wire wire{std::move(stream), {}};
  const net::Executor executor = co_await net::current_executor();
  struct Registered {
    std::shared_ptr<Edge> edge;
    std::shared_ptr<Connection> connection;
    ~Registered() {
      connection->stream = nullptr;
      edge->remove(connection);
    }
  };
  const Registered registered{edge, std::make_shared<Connection>(Connection{executor, wire.stream.get(), true})};
  edge->add(registered.connection);

  HeadScanner scanner(edge->limits());
  for (std::size_t served = 0; served < edge->limits().requests_per_connection; ++served) {
    const bool go_on = co_await serve_one(wire, *edge, *registered.connection, scanner, served == 0);
    if (!go_on) break;
  }
}

}  // namespace openunison::http::h1
