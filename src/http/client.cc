// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <algorithm>

#include "base/base64.h"
#include "base/metrics.h"
#include "http/client_pool.h"
#include "http/h1/client_exchange.h"
#include "http/h1/head_writer.h"
#include "http/h2/client_origins.h"
#include "http/syntax.h"
#include "net/connect.h"
#include "text/utf8.h"

namespace openunison::http {
namespace {

constexpr std::string_view kUserAgent = "openunison";
constexpr int kMaxRefused = 2;  // by an origin that did nothing with the request

void count_connection(bool is_h2) {
  static metrics::Counter& http1 = metrics::counter(
      "openunison_http_client_connections_total",
      "Connections opened to other servers, by version of HTTP.", {{"version", "1.1"}});
  static metrics::Counter& http2 = metrics::counter(
      "openunison_http_client_connections_total",
      "Connections opened to other servers, by version of HTTP.", {{"version", "2"}});
  (is_h2 ? http2 : http1).add();
}

metrics::Counter& retries(const std::string& reason) {
  return metrics::counter("openunison_http_client_retries_total",
                          "Requests to other servers that were sent again, by reason.",
                          {{"reason", reason}});
}

std::string host_and_port(const text::Url& url) {
  const bool ipv6 = url.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

Error at(const text::Url& url, const Error& error) {
  return error.with_context(host_and_port(url));
}

bool goes_without_proxy(std::string_view host, const std::vector<std::string>& no_proxy) {
  return std::any_of(no_proxy.begin(), no_proxy.end(), [&](const std::string& given) {
    std::string entry = text::ascii_lower(given);
    if (entry.starts_with("*.")) entry.erase(0, 1);
    return entry == "*" || entry == host || (entry.starts_with('.') && host.ends_with(entry));
  });
}

// The client's own fields, which a request may not bring.
bool is_own_field(std::string_view name) {
  constexpr std::string_view kOwn[] = {
      "host", "content-length", "connection", "transfer-encoding", "upgrade", "expect"};
  return std::find(std::begin(kOwn), std::end(kOwn), name) != std::end(kOwn);
}

bool announces_length(const ClientRequest& request) {
  const bool usually_has_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  return usually_has_body || !request.body.empty();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Where a redirect leads, if that is on the same origin.
std::optional<text::Url> next_address(const text::Url& from, const Response& response) {
  const auto location = response.headers.unique("location");
  if (!location || !*location) return std::nullopt;
  std::string target(**location);
  if (target.starts_with("//")) {
    target.insert(0, from.scheme + ":");
  } else if (target.starts_with('/')) {
    target.insert(0, from.origin());
  }
  auto next = text::Url::parse(target);
  if (!next || next->origin() != from.origin()) return std::nullopt;
  next->fragment.reset();
  return std::move(*next);
}

}  // namespace

struct Client::Impl {
  Impl(unsigned threads, ClientOptions given)
      : options(std::move(given)),
        pool(threads, options.idle_per_origin, options.idle_timeout),
        origins(threads) {
    if (options.proxy.empty()) return;
    auto parsed = text::Url::parse_with_userinfo(options.proxy);
    if (!parsed || parsed->is_https()) {
      proxy_is_bad = true;
      return;
    }
    proxy = std::move(*parsed);
    if (!proxy->userinfo.empty()) {
      const auto decoded = text::percent_decode(proxy->userinfo);
      proxy_is_bad = !decoded;
      if (decoded) proxy_authorization = "Basic " + base64_encode(*decoded);
    }
  }

  const ClientOptions options;
  ClientPool pool;
  h2::ClientOrigins origins;
  const Limits limits;
  std::optional<text::Url> proxy;
  std::string proxy_authorization;
  bool proxy_is_bad = false;  // never goes around it

  bool uses_proxy(const text::Url& url) const {
    return proxy && !goes_without_proxy(url.host, options.no_proxy);
  }

  // What both versions send. Error internal: something in the request can't be sent; it would be
  // our bug. The answer to CONNECT is another protocol's beginning.
  static Result<std::vector<Field>> fields_of(const ClientRequest& request) {
    if (!is_token(request.method) || request.method == "CONNECT")
      return fail(Errc::internal, "the method can't be sent");
    std::vector<Field> fields;
    if (!request.headers.contains("user-agent"))
      fields.push_back({"user-agent", std::string(kUserAgent)});
    for (const Field& field : request.headers.fields()) {
      if (!is_token(field.name) || !is_field_value(field.value))
        return fail(Errc::internal, "a field of the request can't be sent");
      std::string name = text::ascii_lower(field.name);
      if (!is_own_field(name)) fields.push_back({std::move(name), field.value});
    }
    if (announces_length(request))
      fields.push_back({"content-length", std::to_string(request.body.size())});
    return fields;
  }

  static Result<std::string> target_of(const text::Url& url) {
    std::string target = url.path.empty() ? "/" : url.path;
    // A space would end the target, and who made the address didn't mean what it would then say.
    const bool is_path = target.starts_with('/') && target.find('?') == std::string::npos;
    if (url.query) target.append("?").append(*url.query);
    const bool is_sound = std::all_of(target.begin(), target.end(),
                                      [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!is_path || !is_sound) return fail(Errc::internal, "the address can't be sent");
    return target;
  }

  Result<std::string> head_of(const ClientRequest& request) const {
    const text::Url& url = request.url;
    const bool absolute = uses_proxy(url) && !url.is_https();  // RFC 9112 §3.2.2
    const std::vector<Field> fields = TRY(fields_of(request));
    std::string head = request.method + " ";
    if (absolute) head += url.origin();
    head += TRY(target_of(url));
    head += " HTTP/1.1\r\n";
    h1::append_field(head, "host", url.authority());
    if (absolute && !proxy_authorization.empty())
      h1::append_field(head, "proxy-authorization", proxy_authorization);
    for (const Field& field : fields) h1::append_field(head, field.name, field.value);
    head += "\r\n";
    return head;
  }

  // RFC 9113 §8.3.1.
  static Result<std::vector<Field>> h2_fields_of(const ClientRequest& request) {
    std::vector<Field> list = {{":method", request.method},
                               {":scheme", request.url.scheme},
                               {":authority", request.url.authority()},
                               {":path", TRY(target_of(request.url))}};
    for (Field& field : TRY(fields_of(request))) {
      if (!h2::is_connection_field(field.name)) list.push_back(std::move(field));
    }
    return list;
  }

  // RFC 9110 §9.3.6: a tunnel through the proxy to the origin.
  Task<Result<std::unique_ptr<net::Stream>>> tunnel(std::unique_ptr<net::Stream> stream,
                                                    const text::Url& url, net::Deadline deadline) {
    const std::string target = host_and_port(url);
    std::string head = "CONNECT " + target + " HTTP/1.1\r\n";
    h1::append_field(head, "host", target);
    h1::append_field(head, "user-agent", kUserAgent);
    if (!proxy_authorization.empty())
      h1::append_field(head, "proxy-authorization", proxy_authorization);
    head += "\r\n";
    auto written = co_await stream->write(head, deadline);
    if (!written) co_return std::unexpected(written.error());
    h1::Wire wire{std::move(stream), {}};
    bool any_byte = false;
    auto answer = co_await h1::read_response_head(wire, limits, true, deadline, any_byte);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->status < 200 || answer->status > 299) {
      co_return fail(Errc::bad_gateway,
                     "the proxy refused the tunnel with status " + std::to_string(answer->status));
    }
    if (!wire.buffer.empty())
      co_return fail(Errc::bad_gateway, "the proxy sent bytes before the TLS handshake");
    co_return std::move(wire.stream);
  }

  Task<Result<std::unique_ptr<net::Stream>>> connect(const text::Url& url, bool offer_h2,
                                                     net::Deadline deadline) {
    const bool proxied = uses_proxy(url);
    const text::Url& hop = proxied ? *proxy : url;
    auto stream = co_await net::connect_tcp(hop.host, hop.port, deadline);
    if (stream && proxied && url.is_https())
      stream = co_await tunnel(std::move(*stream), url, deadline);
    if (!stream) co_return std::unexpected(proxied ? at(*proxy, stream.error()) : stream.error());
    if (!url.is_https()) co_return stream;
    std::vector<std::string> alpn;
    if (offer_h2) alpn.emplace_back("h2");
    alpn.emplace_back("http/1.1");
    co_return co_await net::tls_connect(std::move(*stream), options.tls, url.host, deadline,
                                        std::move(alpn));
  }

  Task<h1::Answer> exchange(const ClientRequest& request, const std::string& head,
                            std::unique_ptr<net::Stream> stream, unsigned thread,
                            net::Deadline deadline) {
    h1::Wire wire{std::move(stream), {}};
    const h1::Outgoing outgoing{head, request.body, request.method == "HEAD",
                                request.max_response_bytes, deadline};
    h1::Answer answer = co_await h1::exchange(wire, outgoing, limits);
    if (answer.reusable)
      pool.keep(thread, request.url.origin(), std::move(wire.stream),
                std::chrono::steady_clock::now());
    co_return answer;
  }

  // A connection that has been idle for `longest` at most and is still open, or null.
  Task<std::unique_ptr<net::Stream>> take_idle(unsigned thread, std::string origin,
                                               Millis longest) {
    for (;;) {
      auto stream = pool.take(thread, origin, std::chrono::steady_clock::now(), longest);
      if (!stream) co_return nullptr;
      const bool usable = co_await is_quiet(*stream);
      if (usable) co_return stream;
    }
  }

  // `request` is owned by the caller for the whole call.
  Task<Result<Response>> fetch_once(const ClientRequest& request, net::Deadline deadline) {
    if (proxy_is_bad)
      co_return fail(
          Errc::internal,
          "the proxy's address is not valid; it must be http://[user:password@]host:port");
    const auto head = head_of(request);
    if (!head) co_return std::unexpected(head.error());
    const auto h2_fields = h2_fields_of(request);
    if (!h2_fields) co_return std::unexpected(h2_fields.error());
    const net::Executor executor = co_await net::current_executor();
    const unsigned thread = net::Runtime::index(executor);
    h2::ClientOrigin& origin = origins.of(thread, request.url.origin());
    bool repeated = false;
    for (int refused = 0;;) {
      Attempt attempt =
          co_await try_once({request, *head, *h2_fields, deadline}, origin, thread, executor);
      if (attempt.outcome == Outcome::unprocessed && refused < kMaxRefused) {
        ++refused;
        retries("refused").add();
      } else if (attempt.outcome == Outcome::was_closed && may_repeat(request) && !repeated) {
        repeated = true;
        retries("closed").add();
      } else {
        co_return std::move(attempt.response);
      }
    }
  }

  static bool may_repeat(const ClientRequest& request) {
    return request.method == "GET" || request.method == "HEAD";
  }

  struct Prepared {
    const ClientRequest& request;
    const std::string& head;
    const std::vector<Field>& h2_fields;
    net::Deadline deadline;
  };
  enum class Outcome {
    final,
    unprocessed,  // the origin did nothing with it
    was_closed,   // a connection that had been used before ended without a byte
  };
  struct Attempt {
    Result<Response> response;
    Outcome outcome = Outcome::final;
  };

  Task<Attempt> try_once(Prepared prepared, h2::ClientOrigin& origin, unsigned thread,
                         net::Executor executor) {
    const ClientRequest& request = prepared.request;
    const bool offer_h2 = options.http2 && request.url.is_https() && !origin.wants_http11;
    if (offer_h2) {
      co_await origin.wait_for_first(prepared.deadline);
      if (const auto shared = origin.usable())
        co_return co_await over_h2(prepared, origin, shared, true);
    }
    const Millis longest = may_repeat(request) ? options.idle_timeout : options.idle_for_once;
    auto idle = co_await take_idle(thread, request.url.origin(), longest);
    if (idle) {
      h1::Answer answer =
          co_await exchange(request, prepared.head, std::move(idle), thread, prepared.deadline);
      const bool was_closed =
          !answer.response && !answer.any_byte && answer.response.error().is(net::Errc::closed);
      co_return Attempt{std::move(answer.response),
                        was_closed ? Outcome::was_closed : Outcome::final};
    }
    const h2::ClientOrigin::Connecting connecting(origin, offer_h2);
    auto fresh = co_await connect(request.url, offer_h2, prepared.deadline);
    if (!fresh) co_return Attempt{std::unexpected(fresh.error())};
    const bool is_h2 = (*fresh)->tls().alpn == "h2";
    count_connection(is_h2);
    if (is_h2) {
      auto connection =
          std::make_shared<h2::ClientConnection>(std::move(*fresh), executor, options.idle_timeout);
      connection->start();
      origin.keep(connection);
      connecting.done();
      co_return co_await over_h2(prepared, origin, connection, false);
    }
    connecting.done();
    h1::Answer answer =
        co_await exchange(request, prepared.head, std::move(*fresh), thread, prepared.deadline);
    co_return Attempt{std::move(answer.response)};
  }

  static Task<Attempt> over_h2(Prepared prepared, h2::ClientOrigin& origin,
                               std::shared_ptr<h2::ClientConnection> connection, bool was_used) {
    h2::ClientAnswer answer =
        co_await connection->exchange(prepared.h2_fields, prepared.request.body,
                                      prepared.request.max_response_bytes, prepared.deadline);
    Attempt attempt{std::move(answer.response)};
    if (answer.wants_http11) origin.wants_http11 = true;
    if (answer.unprocessed || answer.wants_http11) {
      attempt.outcome = Outcome::unprocessed;
    } else if (was_used && !attempt.response && !answer.any_byte &&
               attempt.response.error().is(net::Errc::closed)) {
      attempt.outcome = Outcome::was_closed;
    }
    co_return attempt;
  }
};

Client::Client(net::Runtime& runtime, ClientOptions options)
    : impl_(std::make_unique<Impl>(runtime.size(), std::move(options))) {
  for (const char* reason : {"refused", "closed"}) retries(reason);
}
Client::~Client() = default;

Task<Result<Response>> Client::fetch(ClientRequest request) {
  const net::Deadline deadline = net::in(request.timeout);
  for (int redirects = 0;; ++redirects) {
    auto response = co_await impl_->fetch_once(request, deadline);
    if (!response) co_return std::unexpected(at(request.url, response.error()));
    if (request.method != "GET" || redirects >= request.max_redirects ||
        !is_redirect(response->status))
      co_return response;
    auto next = next_address(request.url, *response);
    if (!next) co_return response;
    request.url = std::move(*next);
  }
}

}  // namespace openunison::http
