// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <mutex>

#include "base/log.h"
#include "http/edge.h"

namespace openunison::http {

// Shared with every connection, so that it outlives them all.
struct Server::Impl {
  std::shared_ptr<Service> service;
  std::shared_ptr<Edge> edge;
  std::mutex mutex;
  std::shared_ptr<const net::TlsServerContext> tls;
  std::vector<std::unique_ptr<net::Listener>> listeners;

  std::shared_ptr<const net::TlsServerContext> current_tls() {
    const std::lock_guard lock(mutex);
    return tls;
  }

  static Task<void> accept(std::shared_ptr<Impl> impl, std::unique_ptr<net::Stream> stream) {
    if (!impl) co_return;
    const std::string address = stream->peer().ip;
    if (impl->edge->draining() || !impl->edge->admit(address)) co_return;
    struct Admitted {
      Edge& edge;
      const std::string& address;
      ~Admitted() { edge.leave(address); }
    };
    const Admitted admitted{*impl->edge, address};
    if (auto tls = impl->current_tls()) {
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
  impl->edge = std::make_shared<Edge>(options.name, options.limits, *impl->service, options.hsts);
  // Weak: the listener is the server's and must not keep it alive.
  const net::AcceptHandler accept = [weak =
                                         std::weak_ptr(impl)](std::unique_ptr<net::Stream> stream) {
    return Impl::accept(weak.lock(), std::move(stream));
  };
  for (const std::string& address : options.listen) {
    impl->listeners.push_back(TRY(net::Listener::open(runtime, address, accept)));
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<std::uint16_t> Server::ports() const {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : impl_->listeners) ports.push_back(listener->port());
  return ports;
}

void Server::set_tls(std::shared_ptr<const net::TlsServerContext> tls) {
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
