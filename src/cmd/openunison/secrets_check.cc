// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/secrets_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "cmd/openunison/commands.h"
#include "crypto/x509.h"
#include "identity/error.h"
#include "identity/identity.h"
#include "identity/users_file.h"

namespace openunison::cmd {
namespace {

using config::Problem;
using config::Severity;

// As the alert OpenUnisonCertificateExpires.
constexpr std::chrono::days kSoon{14};
constexpr std::size_t kFewCharacters = 16;

class SecretsCheck {
 public:
  SecretsCheck(const config::Values& values, const std::string& directory)
      : values_(values), directory_(directory), secrets_(directory) {}

  std::vector<Problem> check() {
    if (const auto usable = secrets_.usable(); !usable) {
      add(usable.error(), {directory_});
      return std::move(problems_);
    }
    problems_ = secrets_.check(values_);
    check_master_key();
    check_certificates();
    check_users();
    for (const config::TrustedCertificate& trusted : values_.trusted_certs)
      check_times(values_.file, "trusted_certs." + trusted.name, trusted.pem, Severity::warning);
    for (const config::IdentityProvider& provider : values_.identity_providers)
      check_secret(provider.client_secret_name);
    for (const config::Client& client : values_.clients)
      check_client_secret("CLIENT_" + client.client_id);
    return std::move(problems_);
  }

 private:
  void add(Severity severity, const std::string& file, std::string message) {
    add(severity, file, "", std::move(message));
  }
  void add(Severity severity, const std::string& file, const std::string& key,
           std::string message) {
    problems_.push_back({severity, file, {0, 0}, key, std::move(message)});
  }
  void add(const Error& error, const std::vector<std::string>& files) {
    problems_.push_back(problem_of(error, files));
  }

  void check_mode(const std::string& name) {
    struct stat status{};
    if (name.empty() || ::stat(secrets_.path_of(name).c_str(), &status) != 0) return;
    if ((status.st_mode & S_IROTH) != 0)
      add(Severity::warning, secrets_.path_of(name),
          "everybody on this machine can read it: chmod go= " + secrets_.path_of(name));
  }

  void check_secret(const std::string& name) {
    if (!secrets_.exists(name)) return;
    if (const auto secret = secrets_.read(name); !secret)
      add(secret.error(), {secrets_.path_of(name)});
    check_mode(name);
  }

  // Of our own clients; what an upstream gave is as long as it is.
  void check_client_secret(const std::string& name) {
    check_secret(name);
    const auto secret = secrets_.read(name);
    if (secret && *secret && (*secret)->reveal().size() < kFewCharacters)
      add(Severity::warning, secrets_.path_of(name),
          "it has less than 16 characters, and could be guessed; make one with: openssl rand "
          "-base64 32");
  }

  void check_master_key() {
    if (!secrets_.exists("OU_MASTER_KEY")) return;
    const auto key = secrets_.master_key();
    if (!key)
      add(key.error(),
          {secrets_.path_of("OU_MASTER_KEY"), secrets_.path_of("OU_MASTER_KEY.previous")});
    check_mode("OU_MASTER_KEY");
    check_mode("OU_MASTER_KEY.previous");
  }

  std::vector<std::string> tls_files() const {
    std::vector<std::string> files;
    for (const config::TlsFiles& file : values_.tls)
      files.insert(files.end(), {secrets_.path_of(file.cert), secrets_.path_of(file.key)});
    return files;
  }

  void check_certificates() {
    const bool all_there = std::ranges::all_of(values_.tls, [this](const config::TlsFiles& file) {
      return secrets_.exists(file.cert) && secrets_.exists(file.key);
    });
    if (values_.plain_http || !all_there) return;
    for (const config::TlsFiles& file : values_.tls) check_mode(file.key);
    const auto pairs = secrets_.certificates(values_.tls);
    const auto context =
        pairs
            ? net::TlsServerContext::create(*pairs)
            : Result<std::shared_ptr<const net::TlsServerContext>>(std::unexpected(pairs.error()));
    if (!context) return add(context.error(), tls_files());
    for (const net::CertificatePair& pair : *pairs)
      check_times(pair.origin, "", pair.chain_pem, Severity::error);
    const auto portal = (*context)->pair_of(values_.portal_host);
    if (portal) return check_trust((*pairs)[*portal].origin, (*pairs)[*portal].chain_pem);
    add(Severity::error, pairs->front().origin,
        std::string(pairs->size() > 1 ? "neither this certificate nor another is for "
                                      : "this certificate isn't for ") +
            values_.portal_host +
            " (network.openunison_host): browsers and kubectl will refuse it");
  }

  // `severity`: of the first certificate.
  void check_times(const std::string& file, const std::string& key, const std::string& pem,
                   Severity severity) {
    const auto chain = crypto::read_certificates(pem);
    if (!chain) return;  // said by who uses it
    const WallTime now = SystemClock().now();
    for (const crypto::CertificateInfo& each : *chain) {
      if (each.not_after < now)
        add(severity, file, key, "a certificate in it has expired on " + rfc3339(each.not_after));
      else if (each.not_after - now < kSoon)
        add(Severity::warning, file, key,
            "a certificate in it expires soon, on " + rfc3339(each.not_after));
      if (each.not_before > now)
        add(severity, file, key,
            "a certificate in it isn't valid before " + rfc3339(each.not_before));
      severity = Severity::warning;  // those above it are replaced, or not needed, often enough
    }
  }

  // Kubeconfigs carry trusted_certs' unison-ca; without it kubectl has its machine's roots.
  void check_trust(const std::string& file, const std::string& chain_pem) {
    const std::string authority = values_.trusted_pem(config::kPortalAuthority);
    const auto client = authority.empty() ? net::TlsClientContext::create({})
                                          : net::TlsClientContext::create({authority}, false);
    if (!client) return;  // of trusted_certs, which the identity providers' check says
    const std::string reason = (*client)->distrust(chain_pem);
    if (reason.empty()) return;
    add(Severity::warning, file,
        !authority.empty()
            ? "kubectl will refuse it: trusted_certs' unison-ca, which kubeconfigs carry, doesn't "
              "vouch for it (" +
                  reason + ")"
            : "this machine doesn't trust it (" + reason +
                  "); where people's machines don't either, put its authority into trusted_certs "
                  "under the name unison-ca, so that kubeconfigs carry it");
  }

  void check_users() {
    for (Problem& problem : check_users_file(values_, secrets_))
      problems_.push_back(std::move(problem));
    check_mode("users.yaml");
  }

  const config::Values& values_;
  const std::string directory_;
  const SecretsDirectory secrets_;
  std::vector<Problem> problems_;
};

// Why nobody of `users` may sign in; "" where somebody may, or where it has other reasons than
// az_groups.
std::string why_nobody_may(const std::vector<identity::LocalUser>& users,
                           const config::IdentityProvider& provider, const config::Values& values) {
  std::string why;
  for (const identity::LocalUser& user : users) {
    if (user.disabled) continue;
    identity::Identity identity;
    identity.provider = provider.name;
    identity.subject = user.name;
    identity.claims.set(provider.claims.sub, user.name);
    identity.claims.set(provider.claims.groups,
                        text::Json::Array(user.groups.begin(), user.groups.end()));
    const auto principal = identity::map_identity(identity, provider, values);
    if (principal || !principal.error().is(identity::Errc::not_allowed)) return "";
    why = principal.error().message();
  }
  return why;
}

}  // namespace

std::vector<Problem> check_users_file(const config::Values& values,
                                      const SecretsDirectory& secrets) {
  const std::string file = secrets.path_of("users.yaml");
  const auto local = std::ranges::find(values.identity_providers, config::ProviderKind::local,
                                       &config::IdentityProvider::kind);
  if (local == values.identity_providers.end() || !secrets.exists("users.yaml")) return {};
  std::error_code ignored;
  if (std::filesystem::file_size(file, ignored) == 0) {
    return {{Severity::error,
             file,
             {0, 0},
             "",
             "it is empty, so nobody can sign in with it: put its content back, or write "
             "`users: []` where nobody is meant to"}};
  }
  const auto users = identity::read_users(file);
  if (!users) return {problem_of(users.error(), {file})};
  const auto warning = [&](std::string message) {
    return std::vector<Problem>{{Severity::warning, file, {0, 0}, "", std::move(message)}};
  };
  if (users->empty())
    return warning(
        "there is nobody in it, so nobody can sign in with it; add a user with: "
        "openunison users add");
  const std::string why = why_nobody_may(*users, *local, values);
  if (why.empty()) return {};
  return warning("nobody in it can sign in: " + why + " (openunison.az_groups" +
                 (local->groups_prefix.empty()
                      ? ""
                      : ", where the groups here have " + local->groups_prefix + " in front") +
                 ")");
}

std::vector<Problem> check_secret_files(const config::Values& values,
                                        const std::string& directory) {
  return SecretsCheck(values, directory).check();
}

}  // namespace openunison::cmd
