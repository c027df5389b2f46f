// SPDX-License-Identifier: Apache-2.0
//
// Router: host, then method and path, to a Service. Paths match exactly, or as "prefix/*" (longest
// wins). Wrong method: 405 with Allow. Unknown path: the fallback. Unknown host: 421.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/service.h"

namespace openunison::http {

// A handler that answers with a whole response: pages and JSON endpoints.
using Handler = std::function<Task<Response>(Request&)>;
std::shared_ptr<Service> service_of(Handler handler);

class Router final : public Service {
 public:
  Router();
  ~Router() override;

  // `methods`: {"GET", "POST"}; HEAD is answered wherever GET is. CHECKs that no route is given
  // twice.
  void route(std::vector<std::string> methods, std::string path, std::shared_ptr<Service> service);
  void route(std::vector<std::string> methods, std::string path, Handler handler) {
    route(std::move(methods), std::move(path), service_of(std::move(handler)));
  }
  void fallback(std::shared_ptr<Service> service);
  // "GET /auth/idp/k8sIdp/certs" ...: for docs and tests.
  std::vector<std::string> routes() const;
  // Notes the route that it takes in the request.
  Task<void> handle(Request& request, Responder& responder) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Chooses by request.authority.host (the port is not looked at); unknown hosts get 421.
class HostRouter final : public Service {
 public:
  void add(std::string host, std::shared_ptr<Service> service);
  Task<void> handle(Request& request, Responder& responder) override;

 private:
  std::vector<std::pair<std::string, std::shared_ptr<Service>>> hosts_;
};

}  // namespace openunison::http
