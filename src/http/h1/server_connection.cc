// SPDX-License-Identifier: Apache-2.0
//
// The server's side of an HTTP/1.1 connection: read a head, hand the request to the edge, see its
// answer and body through, again. Requests are answered one after the other, in order (RFC 9112
// §9.3). Runs on the connection's thread and ends with the connection.
#include "http/edge.h"
#include "http/h1/head_writer.h"
#include "http/h1/server_responder.h"

namespace openunison::http::h1 {
namespace {

constexpr Millis kLingerTime{2'000};
constexpr std::size_t kLingerBytes = 8 * 1024 * 1024;
// Requests that are served before other connections of the thread get their turn.
constexpr std::size_t kRequestsPerTurn = 32;

class ServerConnection {
 public:
  ServerConnection(std::unique_ptr<net::Stream> stream, Edge& edge,
                   std::shared_ptr<Connection> connection)
      : wire_{std::move(stream), {}},
        edge_(edge),
        limits_(edge.limits()),
        connection_(std::move(connection)),
        secure_(wire_.stream->tls().active),
        parser_(limits_, secure_) {}

  Task<void> run() {
    std::size_t served = 0;
    for (bool goes_on = true; goes_on;) {
      // Waiting is done here, where the least memory is held.
      auto has_head = co_await read_head(served == 0);
      if (!has_head) {
        co_await refuse(has_head.error());
        co_return;
      }
      if (!*has_head) co_return;
      ++served;
      goes_on = co_await answer(served == limits_.requests_per_connection);
      if (served % kRequestsPerTurn == 0) co_await net::yield();
    }
  }

 private:
  // The request whose head was read. False: the connection ends.
  Task<bool> answer(bool last) {
    wire_.buffer.consume(parser_.consumed());
    ParsedRequest head = parser_.take();
    if (head.framing == Framing::length && head.length > limits_.body_bytes) {
      co_await refuse(Error(Errc::body_too_large, "the body is too large (RFC 9110 §15.5.14)"),
                      head.method == "HEAD");
      co_return false;
    }
    ServerBody body(wire_, head, limits_);
    ServerResponder responder({wire_, body, edge_, connection_, last}, head, secure_);
    Request request = to_request(head, body);
    co_await edge_.handle(request, responder);
    if (!wire_.stream) co_return false;  // handed over by upgrade()
    co_return co_await see_through(body, responder);
  }

  // Reads until the parser has a head. False: the connection ended, or was idle for too long,
  // between requests.
  Task<Result<bool>> read_head(bool first) {
    connection_->idle = wire_.buffer.empty();
    std::optional<net::Deadline> head_deadline;
    for (;;) {
      if (!wire_.buffer.empty()) {
        connection_->idle = false;
        if (!head_deadline) head_deadline = net::in(limits_.header_timeout);
        auto whole = parser_.parse(wire_.buffer.view());
        if (!whole || *whole) co_return whole;
      } else if (edge_.draining()) {
        co_return false;
      }
      auto got = head_deadline ? co_await wire_.fill(*head_deadline)
                               : co_await wire_.wait(net::in(first ? limits_.first_byte_timeout
                                                                   : limits_.idle_timeout));
      if (!got && head_deadline && got.error().is(net::Errc::timed_out))
        co_return fail(Errc::timed_out, "the request comes too slowly");
      if (!got || *got == 0) co_return false;
    }
  }

  Request to_request(ParsedRequest& head, ServerBody& body) const {
    Request request;
    request.method = std::move(head.method);
    request.secure = secure_;
    request.authority = std::move(head.authority);
    request.path = std::move(head.path);
    request.query = std::move(head.query);
    request.headers = std::move(head.headers);
    request.body = std::make_unique<ServerBodyReader>(body);
    request.peer = wire_.stream->peer();
    request.tls = wire_.stream->tls();
    request.upgrade = std::move(head.upgrade);
    return request;
  }

  // After the answer. True: the next request can come.
  Task<bool> see_through(ServerBody& body, const ServerResponder& responder) {
    // Without a word: shutting down in good order would make a part look like the whole.
    if (!responder.whole()) co_return false;
    bool reusable = responder.keeps_alive();
    if (reusable) reusable = co_await body.drain();
    if (reusable) co_return true;
    co_await linger();
    co_return false;
  }

  // What could not be read as a request: nothing behind it can be trusted.
  Task<void> refuse(Error error, bool to_head = false) {
    const int status = status_of(error.code());
    count_refusal(refusal_of(error));
    edge_.log_refused(wire_.stream->peer(), error, status);
    Response response = plain_response(status, error.message() + "\n");
    response.headers.add("x-content-type-options", "nosniff");
    std::string text;
    append_response_head(text, {status, std::move(response.headers)}, Framing::length,
                         response.body.size(), ConnectionField::close);
    const std::string_view body = to_head ? std::string_view() : response.body;
    auto written = co_await wire_.stream->write(text, body, net::in(kLingerTime));
    if (written) co_await linger();
  }

  // Closing while the client still sends makes TCP reset the connection, and an answer on its way
  // is lost: read on for a moment (RFC 9112 §9.6).
  Task<void> linger() {
    const net::Deadline end = net::in(kLingerTime);
    co_await wire_.stream->shutdown_write(end);
    char sink[4096];
    for (std::size_t total = 0; total < kLingerBytes;) {
      auto got = co_await wire_.stream->read_some(sink, end);
      if (!got || *got == 0) co_return;
      total += *got;
    }
  }

  Wire wire_;
  Edge& edge_;
  const Limits& limits_;
  std::shared_ptr<Connection> connection_;
  const bool secure_;
  RequestParser parser_;
};

}  // namespace

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge) {
  const net::Executor executor = co_await net::current_executor();
  auto connection = std::make_shared<Connection>(Connection{executor, stream.get(), true, {}});
  ServerConnection server(std::move(stream), *edge, connection);
  const Registration registration(edge, std::move(connection));
  co_await server.run();
}

}  // namespace openunison::http::h1
