// SPDX-License-Identifier: Apache-2.0
//
// What the values say about the directory of secret files.
#include <set>

#include "config/values.h"

namespace openunison::config {
namespace {

class Checker {
 public:
  Checker(const Values& values, const std::function<bool(const std::string&)>& exists)
      : values_(values), exists_(exists) {}

  std::vector<Problem> check() {
    need("OU_MASTER_KEY", "secrets", "make it with: openssl rand -base64 32");
    for (const IdentityProvider& provider : values_.identity_providers) check_provider(provider);
    for (const Client& client : values_.clients) {
      const std::string secret = "CLIENT_" + client.client_id;
      if (!client.is_public)
        need(secret, "openunison.clients", "the secret of the client " + client.client_id);
      if (client.is_public && exists_(secret))
        warn("openunison.clients",
             secret + " isn't used: the client " + client.client_id + " is public");
    }
    for (const TlsFiles& file : values_.tls) {
      need(file.cert, "server.tls", "the serving certificate, PEM, leaf first");
      need(file.key, "server.tls", "the private key of the serving certificate");
    }
    return std::move(problems_);
  }

 private:
  void add(Severity severity, std::string key, std::string message) {
    problems_.push_back({severity, values_.file, {0, 0}, std::move(key), std::move(message)});
  }
  void warn(std::string key, std::string message) {
    add(Severity::warning, std::move(key), std::move(message));
  }
  void need(const std::string& name, std::string key, const std::string& what) {
    if (exists_(name) || !missing_.insert(name).second) return;
    add(Severity::error, std::move(key), "the secret file " + name + " is missing: " + what);
  }
  void check_provider(const IdentityProvider& provider) {
    if (provider.kind == ProviderKind::local) {
      if (!exists_("users.yaml"))
        warn(provider.name,
             "there is no users.yaml yet, so nobody can sign in with it; add a user with: "
             "openunison users add");
    } else if (!exists_(provider.client_secret_name)) {
      warn(provider.name, "there is no secret file " + provider.client_secret_name +
                              ": the provider must know this client as a public one");
    }
  }

  const Values& values_;
  const std::function<bool(const std::string&)>& exists_;
  std::set<std::string> missing_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> check_secrets(const Values& values,
                                   const std::function<bool(const std::string&)>& exists) {
  return Checker(values, exists).check();
}

}  // namespace openunison::config
