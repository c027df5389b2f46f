// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/upstreams.h"

#include "identity/connectors.h"

namespace openunison::cmd {
namespace {

identity::AttemptLimits attempts_of(const config::LimitsValues& values) {
  identity::AttemptLimits limits;
  limits.free_per_pair = static_cast<unsigned>(values.password_attempts);
  limits.free_per_address = static_cast<unsigned>(values.password_attempts_per_address);
  limits.free_per_user = static_cast<unsigned>(values.password_attempts_per_user);
  return limits;
}

Result<std::shared_ptr<const net::TlsClientContext>> trust_of(const config::Values& values) {
  std::vector<std::string> roots;
  for (const config::TrustedCertificate& trusted : values.trusted_certs)
    roots.push_back(trusted.pem);
  return net::TlsClientContext::create(roots);
}

}  // namespace

Result<std::unique_ptr<http::Client>> make_client(const config::Values& values,
                                                  net::Runtime& runtime) {
  http::ClientOptions options;
  options.tls = TRY(trust_of(values));
  options.proxy = values.http_proxy;
  options.no_proxy = values.no_proxy;
  return std::make_unique<http::Client>(runtime, std::move(options));
}

Result<Upstreams> make_upstreams(const config::Values& values, const SecretsDirectory& secrets,
                                 const UpstreamDependencies& dependencies) {
  const auto tls = TRY(trust_of(values));
  Upstreams upstreams;
  for (const config::IdentityProvider& provider : values.identity_providers) {
    if (provider.kind == config::ProviderKind::local) {
      upstreams.connectors.push_back(identity::local_connector(
          {provider, secrets.path_of("users.yaml"), dependencies.passwords, dependencies.lookups,
           dependencies.random, dependencies.clock, attempts_of(values.limits)}));
      continue;
    }
    auto secret = TRY(secrets.read(provider.client_secret_name));
    http::ClientOptions options;
    options.tls = tls;
    options.proxy = provider.http_proxy.empty() ? values.http_proxy : provider.http_proxy;
    options.no_proxy = values.no_proxy;
    upstreams.clients.push_back(
        std::make_unique<http::Client>(*dependencies.runtime, std::move(options)));
    upstreams.connectors.push_back(identity::oidc_connector(
        {provider, secret ? std::move(*secret) : Secret(), upstreams.clients.back().get(),
         dependencies.random, dependencies.clock, values.limits.identity_provider_waiting}));
  }
  return upstreams;
}

}  // namespace openunison::cmd
