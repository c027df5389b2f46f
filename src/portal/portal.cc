// SPDX-License-Identifier: Apache-2.0
#include "portal/portal.h"

#include "portal/pages.h"

namespace openunison::portal {

Result<std::unique_ptr<Portal>> Portal::create(PortalOptions options,
                                               PortalDependencies dependencies) {
  text::TemplateSet templates = TRY(text::TemplateSet::create(embedded_templates()));
  return std::unique_ptr<Portal>(
      new Portal(std::make_unique<Impl>(std::move(options), dependencies, std::move(templates))));
}

Portal::Portal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Portal::~Portal() = default;

void Portal::add_return_targets(const session::ReturnTargets* targets) {
  impl_->return_targets.push_back(targets);
}

void Portal::add_device_approvals(const session::DeviceApprovals* approvals) {
  impl_->device_approvals.push_back(approvals);
}

void Portal::add_workloads(identity::Workloads* workloads) {
  impl_->workloads = workloads;
}

http::Response Portal::error_page(const http::Request& request, const Error& error) const {
  return impl_->error_page(request, nullptr, error);
}

void Portal::mount(http::Router& router) {
  Impl* impl = impl_.get();
  using Endpoint = Task<http::Response> (Impl::*)(http::Request&);
  const auto handler = [impl](Endpoint endpoint) -> http::Handler {
    return [impl, endpoint](http::Request& request) { return (impl->*endpoint)(request); };
  };
  const auto get = [&](std::string path, Endpoint endpoint) {
    router.route({"GET"}, std::move(path), handler(endpoint));
  };
  const auto post = [&](std::string path, Endpoint endpoint) {
    router.route({"POST"}, std::move(path), handler(endpoint));
  };
  // A form's address is in the address bar when its answer is a page: reloading it there asks for
  // the page that the form is on.
  const auto form = [&](const std::string& path, Endpoint endpoint) {
    post(path, endpoint);
    get(path, &Impl::page_of_form);
  };

  get("/auth/login", &Impl::login);
  form("/auth/login/local", &Impl::login_local);
  for (const auto& connector : impl->connectors.all()) {
    if (connector->redirect() == nullptr) continue;
    const std::string provider = connector->name(), path = connector->settings().callback;
    router.route({"GET"}, path, [impl, provider](http::Request& request) {
      return impl->callback(request, provider);
    });
    router.route({"POST"}, path, [impl, provider, path](http::Request& request) {
      return impl->posted_callback(request, provider, path);
    });
    router.route({"POST"}, path + "/backchannel_logout", [impl, provider](http::Request& request) {
      return impl->backchannel_logout(request, provider);
    });
  }
  get("/", &Impl::applications);
  get("/k8s", &Impl::kubernetes);
  get("/k8s/*", &Impl::kubernetes);
  for (const config::Cluster& cluster : impl->values().clusters) {
    form("/k8s/" + cluster.name + "/command", &Impl::kubernetes_command);
    form("/k8s/" + cluster.name + "/kubeconfig", &Impl::kubernetes_kubeconfig);
    if (impl->values().authentication.command_line)
      get("/k8s/" + cluster.name + "/plugin-kubeconfig", &Impl::plugin_kubeconfig);
  }
  get("/profile", &Impl::profile);
  get("/sessions", &Impl::sessions_page);
  get("/sessions/end", &Impl::confirm_end);
  post("/sessions/end", &Impl::end_sessions);
  get("/logout", &Impl::logout_page);
  post("/logout", &Impl::logout);
  get("/device", &Impl::device_page);
  post("/device", &Impl::decide_device);
  get("/signed-out", &Impl::signed_out);
  form("/theme", &Impl::theme);
  get("/assets/*", &Impl::asset);
  if (!impl->options.downloads.empty()) get(std::string(kDownloads) + "*", &Impl::download);
  get("/.well-known/openunison", &Impl::well_known);
  if (impl->values().authentication.command_line) {
    get("/api/account", &Impl::account);
    post("/api/sign_out", &Impl::sign_out_program);
  }
  if (impl->workloads != nullptr) get("/api/workload", &Impl::workload);
  router.fallback(http::service_of(handler(&Impl::not_found)));
}

}  // namespace openunison::portal
