// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/check.h"
#include "http/edge.h"

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

// What answers at one path, by method.
struct Place {
  std::string label;  // "/k8s/token", "/assets/*"
  std::map<std::string, std::shared_ptr<Service>, std::less<>> methods;

  // HEAD goes where GET does.
  Service* find(std::string_view method) const {
    const auto found = methods.find(method == "HEAD" ? "GET" : method);
    return found == methods.end() ? nullptr : found->second.get();
  }

  std::string allowed() const {
    std::string list;
    for (const auto& [method, service] : methods) {
      if (!list.empty()) list += ", ";
      list += method;
      if (method == "GET") list += ", HEAD";
    }
    return list;
  }
};

struct PathHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace

std::shared_ptr<Service> service_of(Handler handler) {
  return std::make_shared<HandlerService>(std::move(handler));
}

struct Router::Impl {
  std::unordered_map<std::string, Place, PathHash, std::equal_to<>> exact;
  std::vector<std::pair<std::string, Place>> prefixes;  // with the final slash; the longest first
  std::shared_ptr<Service> fallback;

  const Place* find(std::string_view path) const {
    if (const auto found = exact.find(path); found != exact.end()) return &found->second;
    for (const auto& [prefix, place] : prefixes) {
      if (path.starts_with(prefix)) return &place;
    }
    return nullptr;
  }

  Place& place_of_prefix(const std::string& prefix) {
    const auto same = [&](const auto& entry) { return entry.first == prefix; };
    auto found = std::find_if(prefixes.begin(), prefixes.end(), same);
    if (found == prefixes.end()) {
      const auto shorter = [&](const auto& entry) { return entry.first.size() < prefix.size(); };
      found = prefixes.emplace(std::find_if(prefixes.begin(), prefixes.end(), shorter), prefix,
                               Place());
    }
    return found->second;
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::route(std::vector<std::string> methods, std::string path,
                   std::shared_ptr<Service> service) {
  const bool is_prefix = path.ends_with("/*");
  Place& place =
      is_prefix ? impl_->place_of_prefix(path.substr(0, path.size() - 1)) : impl_->exact[path];
  place.label = std::move(path);
  for (std::string& method : methods) {
    const bool is_new = place.methods.emplace(std::move(method), service).second;
    CHECK(is_new);
  }
}

void Router::fallback(std::shared_ptr<Service> service) {
  impl_->fallback = std::move(service);
}

std::vector<std::string> Router::routes() const {
  std::vector<std::string> all;
  const auto add = [&all](const Place& place) {
    for (const auto& [method, service] : place.methods) all.push_back(method + " " + place.label);
  };
  for (const auto& [path, place] : impl_->exact) add(place);
  for (const auto& [prefix, place] : impl_->prefixes) add(place);
  std::sort(all.begin(), all.end());
  return all;
}

Task<void> Router::handle(Request& request, Responder& responder) {
  const Place* place = impl_->find(request.path);
  if (place != nullptr) request.route = place->label;
  Service* service = place == nullptr ? impl_->fallback.get() : place->find(request.method);
  if (service != nullptr) {
    co_await service->handle(request, responder);
    co_return;
  }
  if (place == nullptr) {
    co_await responder.send(plain_response(404, "There is nothing at this address.\n"));
    co_return;
  }
  Response refused = plain_response(405, "This address takes " + place->allowed() + ".\n");
  refused.headers.add("allow", place->allowed());
  co_await responder.send(std::move(refused));
}

void HostRouter::add(std::string host, std::shared_ptr<Service> service) {
  hosts_.emplace_back(std::move(host), std::move(service));
}

Task<void> HostRouter::handle(Request& request, Responder& responder) {
  for (const auto& [host, service] : hosts_) {
    if (host == request.authority.host) {
      co_await service->handle(request, responder);
      co_return;
    }
  }
  co_await responder.send(plain_response(421, "This server doesn't answer for that host name.\n"));
}

}  // namespace openunison::http
