// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace openunison::http {
namespace {

class HandlerService final : public Service {
 public:
  explicit HandlerService(Handler handler) : handler_(std::move(handler)) {}
  Task<void> handle(Request& request, Responder& responder) override {
    Response response = co_await handler_(request);
    co_await responder.send(std::move(response));
  }

 private:
  Handler handler_;
};

Response plain(int status, std::string text) {
  return {status, {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}}, std::move(text)};
}

struct Route {
  std::string method, path;  // `path` without the star
  bool prefix = false;
  std::shared_ptr<Service> service;
};

bool matches(const Route& route, std::string_view path) { return route.prefix ? path.starts_with(route.path) : path == route.path; }

}  // namespace

std::shared_ptr<Service> service_of(Handler handler) { return std::make_shared<HandlerService>(std::move(handler)); }

struct Router::Impl {
  std::vector<Route> routes;  // exact ones first, then prefixes, the longest first
  std::shared_ptr<Service> fallback;

  // The best path that matches; the routes with that path.
  const Route* best(std::string_view path) const {
    const auto found = std::find_if(routes.begin(), routes.end(), [&](const Route& route) { return matches(route, path); });
    return found == routes.end() ? nullptr : &*found;
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::route(std::vector<std::string> methods, std::string path, std::shared_ptr<Service> service) {
  const bool prefix = path.ends_with("/*");
  if (prefix) path.pop_back();
  for (std::string& method : methods) {
    for (const Route& other : impl_->routes) CHECK(other.method != method || other.path != path || other.prefix != prefix);
    impl_->routes.push_back({std::move(method), path, prefix, service});
  }
  std::sort(impl_->routes.begin(), impl_->routes.end(), [](const Route& a, const Route& b) {
    if (a.prefix != b.prefix) return !a.prefix;
    if (a.prefix && a.path.size() != b.path.size()) return a.path.size() > b.path.size();
    return std::tie(a.path, a.method) < std::tie(b.path, b.method);
  });
}

void Router::fallback(std::shared_ptr<Service> service) { impl_->fallback = std::move(service); }

std::vector<std::string> Router::routes() const {
  std::vector<std::string> all;
  for (const Route& route : impl_->routes) all.push_back(route.method + " " + route.path + (route.prefix ? "*" : ""));
  return all;
}

std::string Router::label(const Request& request) const {
  const Route* best = impl_->best(request.path);
  return best == nullptr ? "other" : best->path + (best->prefix ? "*" : "");
}

Task<void> Router::handle(Request& request, Responder& responder) {
  const Route* best = impl_->best(request.path);
  if (best == nullptr) {
    if (impl_->fallback) {
      co_await impl_->fallback->handle(request, responder);
    } else {
      co_await responder.send(plain(404, "There is nothing at this address.\n"));
    }
    co_return;
  }
  const std::string_view wanted = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string allowed;
  for (const Route& route : impl_->routes) {
    if (route.path != best->path || route.prefix != best->prefix) continue;
    if (route.method == wanted) {
      co_await route.service->handle(request, responder);
      co_return;
    }
    allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  Response refused = plain(405, "This address takes " + allowed + ".\n");
  refused.headers.add("allow", allowed);
  co_await responder.send(std::move(refused));
}

void HostRouter::add(std::string host, std::shared_ptr<Service> service) { hosts_.emplace_back(std::move(host), std::move(service)); }

Task<void> HostRouter::handle(Request& request, Responder& responder) {
  for (const auto& [host, service] : hosts_) {
    if (host == request.authority.host) {
      co_await service->handle(request, responder);
      co_return;
    }
  }
  co_await responder.send(plain(421, "This server doesn't answer for that host name.\n"));
}

}  // namespace openunison::http
