// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <algorithm>
#include <map>

#include "http/h1/syntax.h"
#include "net/connect.h"
#include "text/base64.h"
#include "text/utf8.h"

namespace openunison::http {
namespace {

constexpr std::size_t kReadSize = 8192;

struct Idle {
  std::unique_ptr<net::Stream> stream;
  MonoTime since;
};

std::string place_of(const text::Url& url) { return url.host + ":" + std::to_string(url.port); }

Error at(const text::Url& url, const Error& error) { return error.with_context(place_of(url)); }

bool is_excluded(std::string_view host, const std::vector<std::string>& no_proxy) {
  return std::any_of(no_proxy.begin(), no_proxy.end(), [&](const std::string& entry) {
    if (entry == "*" || entry == host) return true;
    const std::string_view suffix = entry.starts_with("*.") ? std::string_view(entry).substr(1) : std::string_view(entry);
    return suffix.starts_with('.') && host.ends_with(suffix);
  });
}

// Reads one head. `buffer` keeps what came after it.
Task<Result<h1::ResponseHead>> read_head(net::Stream& stream, std::string& buffer, const Limits& limits, bool head_request,
                                         net::Deadline deadline, bool& any_byte) {
  h1::HeadScanner scanner(limits);
  for (;;) {
    auto found = scanner.scan(buffer);
    if (!found) co_return fail(Errc::bad_gateway, "the answer's head is not valid: " + found.error().message());
    if (*found) {
      auto head = h1::parse_response(std::string_view(buffer).substr(0, **found), limits, head_request);
      buffer.erase(0, **found);
      scanner.reset();
      if (head && head->status >= 100 && head->status < 200 && head->status != 101) continue;  // interim (RFC 9110 §15.2)
      co_return head;
    }
    const std::size_t had = buffer.size();
    buffer.resize(had + kReadSize);
    auto got = co_await stream.read_some({buffer.data() + had, kReadSize}, deadline);
    buffer.resize(had + (got ? *got : 0));
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return fail(net::Errc::closed, "the connection ended before an answer");
    any_byte = true;
  }
}

Task<Result<std::string>> read_body(net::Stream& stream, std::string& buffer, const h1::ResponseHead& head, std::size_t limit,
                                    net::Deadline deadline) {
  const auto too_large = [] { return fail(Errc::body_too_large, "the answer is too large"); };
  std::string body;
  h1::ChunkDecoder decoder;
  if (head.framing == h1::Framing::none) co_return body;
  if (head.framing == h1::Framing::length && head.length > limit) co_return too_large();
  for (;;) {
    if (head.framing == h1::Framing::chunked) {
      bool done = false;
      while (!buffer.empty() && !done) {
        auto step = decoder.step(buffer);
        if (!step) co_return fail(Errc::bad_gateway, "the answer's chunks are not valid");
        if (body.size() + step->data.size() > limit) co_return too_large();
        body += step->data;
        done = step->done;
        buffer.erase(0, step->consumed);
      }
      if (done) co_return body;
    } else if (head.framing == h1::Framing::length) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(head.length - body.size(), buffer.size()));
      body.append(buffer, 0, count);
      buffer.erase(0, count);
      if (body.size() == head.length) co_return body;
    } else {
      if (body.size() + buffer.size() > limit) co_return too_large();
      body += std::exchange(buffer, {});
    }
    buffer.resize(kReadSize);
    auto got = co_await stream.read_some(buffer, deadline);
    buffer.resize(got ? *got : 0);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) {
      if (head.framing == h1::Framing::until_close) co_return body;
      co_return fail(Errc::bad_gateway, "the connection ended inside the answer");
    }
  }
}

}  // namespace

struct Client::Impl {
  ClientOptions options;
  std::optional<text::Url> proxy;
  Limits limits;
  std::vector<std::map<std::string, std::vector<Idle>>> idle;  // by thread, then origin

  bool uses_proxy(const text::Url& url) const { return proxy && !is_excluded(url.host, options.no_proxy); }

  std::string proxy_authorization() const {
    if (proxy->userinfo.empty()) return {};
    const auto decoded = text::percent_decode(proxy->userinfo);
    return "proxy-authorization: Basic " + text::base64_encode(decoded.value_or("")) + "\r\n";
  }

  // A pooled connection that is still good: young enough, and the other side has neither closed it nor said anything.
  Task<std::unique_ptr<net::Stream>> take_idle(unsigned thread, const std::string& origin) {
    auto& list = idle[thread][origin];
    while (!list.empty()) {
      Idle last = std::move(list.back());
      list.pop_back();
      const net::Deadline now = std::chrono::steady_clock::now();
      if (now - last.since >= options.idle_timeout) continue;
      char unexpected;
      auto read = co_await last.stream->read_some({&unexpected, 1}, now);
      if (!read && read.error().is(net::Errc::timed_out)) co_return std::move(last.stream);
    }
    co_return nullptr;
  }

  void keep(unsigned thread, const std::string& origin, std::unique_ptr<net::Stream> stream) {
    auto& list = idle[thread][origin];
    if (list.size() >= options.idle_per_origin) list.erase(list.begin());
    list.push_back({std::move(stream), std::chrono::steady_clock::now()});
  }

  Task<Result<std::unique_ptr<net::Stream>>> tunnel(std::unique_ptr<net::Stream> stream, const text::Url& url, net::Deadline deadline) {
    const std::string target = (url.host.find(':') != std::string::npos ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
    const std::string request = "CONNECT " + target + " HTTP/1.1\r\nhost: " + target + "\r\n" + proxy_authorization() + "\r\n";
    auto written = co_await stream->write(request, deadline);
    if (!written) co_return std::unexpected(written.error());
    std::string buffer;
    bool any_byte = false;
    auto head = co_await read_head(*stream, buffer, limits, true, deadline, any_byte);
    if (!head) co_return std::unexpected(head.error());
    if (head->status != 200) co_return fail(Errc::bad_gateway, "the proxy refused the connection with status " + std::to_string(head->status));
    if (!buffer.empty()) co_return fail(Errc::bad_gateway, "the proxy sent bytes before the TLS handshake");
    co_return std::move(stream);
  }

  Task<Result<std::unique_ptr<net::Stream>>> connect(const text::Url& url, net::Deadline deadline) {
    const bool proxied = uses_proxy(url);
    const text::Url& hop = proxied ? *proxy : url;
    auto stream = co_await net::connect_tcp(hop.host, hop.port, deadline);
    if (!stream) co_return std::unexpected(stream.error());
    if (!url.is_https()) co_return std::move(*stream);
    if (proxied) {
      stream = co_await tunnel(std::move(*stream), url, deadline);
      if (!stream) co_return std::unexpected(at(*proxy, stream.error()));
    }
    co_return co_await net::tls_connect(std::move(*stream), options.tls, url.host, deadline);
  }

  std::string head_of(const ClientRequest& request) const {
    const text::Url& url = request.url;
    const bool absolute = uses_proxy(url) && !url.is_https();
    std::string text = request.method + " ";
    if (absolute) text += url.origin();
    text += url.path.empty() ? "/" : url.path;
    if (url.query) text += "?" + *url.query;
    text += " HTTP/1.1\r\nhost: " + url.authority() + "\r\n";
    if (absolute) text += proxy_authorization();
    for (const Field& field : request.headers.fields()) text += field.name + ": " + field.value + "\r\n";
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
      text += "content-length: " + std::to_string(request.body.size()) + "\r\n";
    }
    return text + "\r\n";
  }

  struct Attempt {
    Result<Response> response;
    bool any_byte = false;
  };
  Task<Attempt> exchange(const ClientRequest& request, std::unique_ptr<net::Stream> stream, unsigned thread, net::Deadline deadline) {
    const std::string head_text = head_of(request);
    auto written = co_await stream->write(head_text, request.body, deadline);
    if (!written) co_return Attempt{std::unexpected(written.error()), false};
    std::string buffer;
    bool any_byte = false;
    auto head = co_await read_head(*stream, buffer, limits, request.method == "HEAD", deadline, any_byte);
    if (!head) co_return Attempt{std::unexpected(head.error()), any_byte};
    auto body = co_await read_body(*stream, buffer, *head, request.max_response_bytes, deadline);
    if (!body) co_return Attempt{std::unexpected(body.error()), true};
    if (head->keep_alive && buffer.empty()) keep(thread, request.url.origin(), std::move(stream));
    co_return Attempt{Response{head->status, std::move(head->headers), std::move(*body)}, true};
  }

  Task<Result<Response>> fetch_once(ClientRequest& request, net::Deadline deadline) {
    const net::Executor executor = co_await net::current_executor();
    const unsigned thread = net::Runtime::index(executor);
    auto pooled = co_await take_idle(thread, request.url.origin());
    if (pooled) {
      Attempt attempt = co_await exchange(request, std::move(pooled), thread, deadline);
      const bool repeatable = request.method == "GET" || request.method == "HEAD";
      if (attempt.response || attempt.any_byte || !repeatable) co_return std::move(attempt.response);
    }
    auto stream = co_await connect(request.url, deadline);
    if (!stream) co_return std::unexpected(stream.error());
    Attempt attempt = co_await exchange(request, std::move(*stream), thread, deadline);
    co_return std::move(attempt.response);
  }
};

Client::Client(net::Runtime& runtime, ClientOptions options) : impl_(std::make_unique<Impl>()) {
  if (!options.proxy.empty()) {
    auto proxy = text::Url::parse_with_userinfo(options.proxy);
    if (proxy) impl_->proxy = std::move(*proxy);
  }
  impl_->options = std::move(options);
  impl_->idle.resize(runtime.size());
}
Client::~Client() = default;

Task<Result<Response>> Client::fetch(ClientRequest request) {
  const net::Deadline deadline = net::in(request.timeout);
  for (int redirects = 0;; ++redirects) {
    auto response = co_await impl_->fetch_once(request, deadline);
    if (!response) co_return std::unexpected(at(request.url, response.error()));
    const bool redirected = response->status == 301 || response->status == 302 || response->status == 303 || response->status == 307 || response->status == 308;
    const auto location = response->headers.get("location");
    if (!redirected || !location || request.method != "GET" || redirects >= request.max_redirects) co_return response;
    const std::string target = location->starts_with('/') ? request.url.origin() + std::string(*location) : std::string(*location);
    auto next = text::Url::parse(target);
    if (!next || next->origin() != request.url.origin()) co_return response;
    request.url = std::move(*next);
  }
}

}  // namespace openunison::http
