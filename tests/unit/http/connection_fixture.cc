// SPDX-License-Identifier: Apache-2.0
#include "connection_fixture.h"

#include <algorithm>

#include "base/metrics.h"

namespace openunison::http::testing {
namespace {

constexpr Millis kPatience{10'000};

// The body that begins at `at`; moves `at` behind it.
void read_response_body(std::string_view bytes, std::size_t& at, Received& response) {
  if (response.header("transfer-encoding") == "chunked") {
    for (;;) {
      const std::size_t line_end = bytes.find("\r\n", at);
      response.complete = line_end != std::string_view::npos;
      if (!response.complete) break;
      const std::size_t size =
          std::stoul(std::string(bytes.substr(at, line_end - at)), nullptr, 16);
      response.body += bytes.substr(line_end + 2, size);
      at = line_end + 2 + size + 2;
      if (size == 0) return;
    }
    at = bytes.size();
    return;
  }
  const std::string length = response.header("content-length");
  const std::size_t wanted = length.empty() ? bytes.size() - at : std::stoul(length);
  response.body = bytes.substr(at, wanted);
  response.complete = response.body.size() == wanted;
  at = std::min(bytes.size(), at + wanted);
}

struct ConverseState {
  net::Runtime& runtime;
  Service& service;
  const std::string& raw;
  const Limits& limits;
  std::size_t split;
};

Task<std::string> converse_task(ConverseState state) {
  Conversation conversation(state.runtime, state.service, state.limits, state.split);
  co_await conversation.send(state.raw);
  co_await conversation.finish_sending();
  std::string answer = co_await conversation.read_to_end();
  conversation.drop();
  co_await conversation.server_ended();
  co_return answer;
}

}  // namespace

Task<void> MirrorService::handle(Request& request, Responder& responder) {
  ++requests;
  auto body = co_await read_all(*request.body, 1 << 20);
  if (!body) {
    co_await responder.send({status_of(body.error().code()), {}, body.error().message()});
    co_return;
  }
  std::string text = request.method + " " + request.path +
                     (request.query.empty() ? "" : "?" + request.query) + " " +
                     request.authority.text() + " [" + *body + "]";
  co_await responder.send({200, {{"content-type", "text/plain"}}, std::move(text)});
}

Task<void> ignore_body(Nothing&, Request& request, Responder& responder) {
  co_await responder.send(text(200, request.path));
}

std::string Received::header(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return "";
}

std::vector<Received> parse_responses(std::string_view bytes, bool to_head) {
  std::vector<Received> all;
  std::size_t at = 0;
  while (at < bytes.size()) {
    Received response;
    const std::size_t head_end = bytes.find("\r\n\r\n", at);
    if (head_end == std::string_view::npos) break;
    std::size_t line_end = bytes.find("\r\n", at);
    response.status_line = bytes.substr(at, line_end - at);
    response.status = std::stoi(response.status_line.substr(9, 3));
    while (line_end < head_end) {
      const std::size_t begin = line_end + 2;
      line_end = bytes.find("\r\n", begin);
      const std::string_view line = bytes.substr(begin, line_end - begin);
      const std::size_t colon = line.find(": ");
      response.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    at = head_end + 4;
    const bool bodiless =
        to_head || response.status < 200 || response.status == 204 || response.status == 304;
    if (!bodiless) read_response_body(bytes, at, response);
    all.push_back(std::move(response));
  }
  return all;
}

std::string converse(Service& service, const std::string& raw, const Limits& limits,
                     std::size_t split) {
  net::Runtime runtime(1);
  return runtime.block_on(converse_task({runtime, service, raw, limits, split}));
}

Conversation::Conversation(net::Runtime& runtime, Service& service, const Limits& limits,
                           std::size_t split)
    : ended_(std::make_shared<net::Completion>()) {
  auto [client, server] = net::memory_pipe(split);
  client_ = std::move(client);
  runtime.spawn(0, serve(std::move(server), service, limits, ended_));
}

Task<void> Conversation::serve(std::unique_ptr<net::Stream> stream, Service& service, Limits limits,
                               std::shared_ptr<net::Completion> ended) {
  co_await serve_connection(std::move(stream), service, limits);
  ended->complete();
}

Task<bool> Conversation::send(std::string bytes) {
  auto written = co_await client_->write(bytes, net::in(kPatience));
  co_return written.has_value();
}

Task<void> Conversation::finish_sending() {
  co_await client_->shutdown_write(net::in(kPatience));
}

Task<std::string> Conversation::read_to_end() {
  char buffer[4096];
  for (;;) {
    auto got = co_await client_->read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) co_return received_;
    received_.append(buffer, *got);
  }
}

Task<std::string> Conversation::read_until(std::string end) {
  char buffer[4096];
  while (received_.find(end) == std::string::npos) {
    auto got = co_await client_->read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) break;
    received_.append(buffer, *got);
  }
  co_return received_;
}

Task<bool> Conversation::server_ended() {
  co_return co_await ended_->wait(net::in(kPatience));
}

}  // namespace openunison::http::testing
