// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/error.h"
#include "cli/trust.h"

namespace openunison::cli {
namespace {

constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older RHEL
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // OpenBSD's way, Alpine without a package
};

}  // namespace

Result<void> find_trusted_authorities(const Environment& environment) {
  const std::string file(environment.variable("SSL_CERT_FILE"));
  if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
    return fail(Errc::untrusted, "SSL_CERT_FILE=" + file + ": " + std::strerror(errno));
  if (!file.empty() || !environment.variable("SSL_CERT_DIR").empty()) return {};
  for (const char* bundle : kBundles) {
    if (::access(bundle, R_OK) != 0) continue;
    ::setenv("SSL_CERT_FILE", bundle, 1);
    return {};
  }
  return {};
}

}  // namespace openunison::cli
