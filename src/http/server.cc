// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <mutex>

#include "base/log.h"
#include "http/edge.h"

namespace openunison::http {
namespace {

class Counted {
 public:
  explicit Counted(metrics::Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  Counted(const Counted&) = delete;
  ~Counted() { gauge_.add(-1); }

 private:
  metrics::Gauge& gauge_;
};

}  // namespace

// Shared with every connection, so that it outlives them all.
struct Server::Impl {
  std::shared_ptr<Service> service;
  std::shared_ptr<Edge> edge;
  std::mutex mutex;
  std::shared_ptr<const net::TlsServerContext> tls;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  Seldom proxy_header_warning{Millis(10'000)};

  std::shared_ptr<const net::TlsServerContext> current_tls() {
    const std::lock_guard lock(mutex);
    return tls;
  }

  static Task<void> accept(std::shared_ptr<Impl> impl, std::unique_ptr<net::Stream> stream) {
    if (!impl) co_return;
    if (impl->edge->draining()) co_return;
    Admission& admission = impl->edge->admission();
    const Proxies& proxies = impl->edge->proxies();
    bool is_proxy = proxies.trusts(stream->peer().ip);
    auto share = admission.share(stream->peer().ip);
    auto admitted = admission.connection(share, !is_proxy);
    if (!admitted) co_return impl->edge->turned_away(stream->peer().ip, admitted.error());
    std::optional<Admission::Place> place(std::move(*admitted));
    const Counted counted(impl->edge->connections_gauge());
    if (is_proxy && proxies.proxy_protocol) {
      auto header =
          co_await read_proxy_header(*stream, net::in(impl->edge->limits().handshake_timeout));
      if (!header) {
        count_refusal(Refusal::proxy_header);
        if (const auto left_out = impl->proxy_header_warning.now()) {
          log::warn("a trusted proxy's connection has no good PROXY header",
                    {{"address", stream->peer().ip},
                     {"reason", header.error().message()},
                     {"left_out", *left_out}});
        }
        co_return;
      }
      if (header->source) {
        is_proxy = proxies.trusts(header->source->ip);
        share = admission.share(header->source->ip);
        net::assume_peer(*stream, std::move(*header->source));
        place.reset();
        auto own = admission.connection(share, !is_proxy);
        if (!own) co_return impl->edge->turned_away(stream->peer().ip, own.error());
        place.emplace(std::move(*own));
      }
    }
    const std::string address = stream->peer().ip;
    if (auto tls = impl->current_tls()) {
      const auto handshake = admission.handshake(share, !is_proxy);
      if (!handshake) co_return impl->edge->turned_away(address, handshake.error());
      auto secured = co_await net::tls_accept(std::move(stream), std::move(tls),
                                              net::in(impl->edge->limits().handshake_timeout));
      if (!secured) {
        count_refusal(Refusal::handshake);
        log::debug("a TLS handshake failed",
                   {{"address", address}, {"reason", secured.error().message()}});
        co_return;
      }
      stream = std::move(*secured);
    }
    co_await serve(std::move(stream), impl->edge);
  }
};

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  impl_->listeners.clear();
  impl_->edge->close_all();
}

Result<std::unique_ptr<Server>> Server::start(net::Runtime& runtime, ServerOptions options,
                                              std::shared_ptr<Service> service) {
  auto impl = std::make_shared<Impl>();
  impl->service = std::move(service);
  impl->tls = std::move(options.tls);
  impl->edge = std::make_shared<Edge>(options.name, options.limits, *impl->service, options.hsts,
                                      std::move(options.proxies));
  impl->edge->set_certificates(impl->tls);
  // Weak: the listener is the server's and must not keep it alive.
  const net::AcceptHandler accept = [weak =
                                         std::weak_ptr(impl)](std::unique_ptr<net::Stream> stream) {
    return Impl::accept(weak.lock(), std::move(stream));
  };
  for (const std::string& address : options.listen) {
    impl->listeners.push_back(TRY(
        net::Listener::open(runtime, address, accept, [] { count_refusal(Refusal::open_files); })));
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<std::uint16_t> Server::ports() const {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : impl_->listeners) ports.push_back(listener->port());
  return ports;
}

void Server::set_tls(std::shared_ptr<const net::TlsServerContext> tls) {
  impl_->edge->set_certificates(tls);
  const std::lock_guard lock(impl_->mutex);
  impl_->tls = std::move(tls);
}

std::size_t Server::requests_in_flight() const {
  return impl_->edge->in_flight();
}

Task<void> Server::drain() {
  const std::shared_ptr<Impl> impl = impl_;
  for (const auto& listener : impl->listeners) listener->close();
  co_await impl->edge->drain(net::in(impl->edge->limits().drain_timeout));
}

Task<void> serve_connection(std::unique_ptr<net::Stream> stream, Service& service,
                            const Limits& limits) {
  // `service` outlives the connection, by contract; a copy of the limits lives in the edge.
  auto edge = std::make_shared<Edge>("local", limits, service, true);
  co_await serve(std::move(stream), std::move(edge));
}

}  // namespace openunison::http
