// SPDX-License-Identifier: Apache-2.0
//
// Portal: the pages that people meet: sign-in, applications, Kubernetes access, profile, sessions,
// sign-out, devices, errors. Server-rendered, whole without JavaScript. Each page is a file;
// pages.h has what they share. Beside them what `kubectl oulogin` asks for, in programs.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/router.h"
#include "identity/workloads.h"
#include "portal/downloads.h"
#include "session/pages.h"
#include "session/sessions.h"
#include "session/sign_in.h"

namespace openunison::portal {

struct PortalOptions {
  std::string portal_ca_pem;  // what kubectl must trust to reach us; empty: a public authority
  std::string logo;           // bytes of branding.logo_path, may be empty
  std::string logo_type;      // "image/svg+xml" or "image/png"
  Downloads downloads;        // of the plugin; may be empty
  // What the server takes as the target of a request (http::Limits).
  std::size_t max_target_bytes = 16 * 1024;
};

struct PortalDependencies {
  session::Sessions* sessions;
  session::SignInFlow* sign_in;
  session::Connectors* connectors;
};

class Portal final : public session::ProviderPages {
 public:
  // Error: text::Errc::bad_template, which is a bug of ours.
  static Result<std::unique_ptr<Portal>> create(PortalOptions options,
                                                PortalDependencies dependencies);
  ~Portal() override;

  // Providers that can tell where a sign-in leads; call before mount.
  void add_return_targets(const session::ReturnTargets* targets);
  // Providers that have programs waiting to be let in; call before mount.
  void add_device_approvals(const session::DeviceApprovals* approvals);
  // Where values let programs in with tokens of others; call before mount.
  void add_workloads(identity::Workloads* workloads);
  // Adds all pages and, as the fallback, "not found". The portal must outlive the router.
  void mount(http::Router& router);

  http::Response error_page(const http::Request& request, const Error& error) const override;
  http::Response form_post_page(const http::Request& request,
                                session::FormPost post) const override;
  http::Response consent_page(const http::Request& request, const session::Current& current,
                              session::ConsentQuestion question) const override;

  struct Impl;

 private:
  explicit Portal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::portal
