// SPDX-License-Identifier: Apache-2.0
//
// Provider: an OpenID provider under one issuer URL (OpenID Connect Core 1.0, RFC 6749, 7009, 7636,
// 7662, 8628, 8693, 9126, 9207, 9700; Form Post Response Mode, RP-Initiated and Back-Channel
// Logout 1.0). Several run in one process, one per issuer. Each endpoint is a file: authorize.cc,
// par.cc, device.cc, token.cc (and one file per grant), userinfo.cc, revoke.cc, introspect.cc,
// end_session.cc, discovery.cc. The paths below the issuer are fixed for good: a running API server
// never reads them a second time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/router.h"
#include "identity/workloads.h"
#include "jose/key_ring.h"
#include "oidc/backchannel_logout.h"
#include "oidc/client.h"
#include "oidc/code.h"
#include "oidc/device_requests.h"
#include "oidc/pushed_requests.h"
#include "session/pages.h"
#include "session/sessions.h"
#include "session/sign_in.h"

namespace openunison::oidc {

struct ProviderOptions {
  std::string issuer;  // "https://HOST[:port]/auth/idp/k8sIdp"
  std::string path;    // "/auth/idp/k8sIdp"
  std::vector<Client> clients;
  // What the server takes as the target of a request (http::Limits).
  std::size_t max_target_bytes = 16 * 1024;
  PushedRequestLimits pushed;
  DeviceRequestLimits devices;
  std::string device_page;  // where people type a device's code: "https://HOST[:port]/device"
  BackchannelLogoutOptions logout;  // the issuer in it is set here
};

struct ProviderDependencies {
  session::Sessions* sessions;
  jose::KeyRing* keys;
  const crypto::MasterKey* master;
  const session::ProviderPages* pages;
  identity::Fetcher fetch;  // to tell clients of sign-outs; empty: they aren't told
  identity::Workloads* workloads = nullptr;  // programs that exchange tokens; null: none may
  session::SignInFlow* sign_in = nullptr;    // for passwords of programs; null: none are taken
};

class Provider final : public session::ReturnTargets, public session::DeviceApprovals {
 public:
  Provider(ProviderOptions options, ProviderDependencies dependencies);
  ~Provider() override;

  // Adds all endpoints. The provider must outlive the router.
  void mount(http::Router& router);

  std::optional<session::ReturnTarget> describe(std::string_view return_to) const override;
  std::optional<session::DeviceQuestion> find_device(std::string_view user_code) const override;
  Result<bool> decide_device(std::string_view user_code, const session::Current& current,
                             bool allow, const session::Caller& caller) const override;
  bool take_back_device(std::string_view user_code, const session::Current& current,
                        const session::Caller& caller) const override;
  void take_back_devices(const session::Current& current,
                         const session::Caller& caller) const override;
  const std::string& issuer() const;
  // Waits until the clients that were to be told of sign-outs have been, once, or `deadline`.
  Task<void> drain(net::Deadline deadline) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace openunison::oidc
