// SPDX-License-Identifier: Apache-2.0
//
// By the system's program `security`, which prints the certificates of keychains as PEM: Apple's
// own list, and what an administrator or a company's management has put into the machine's
// keychain. The person's own keychain isn't asked: whatever runs as that person may write it.
#include <fcntl.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "net/system_roots.h"

extern char** environ;

namespace openunison::net {
namespace {

// Some 150 authorities of 2 KB are about 300 KB.
constexpr std::size_t kMaxPrinted = 8 * 1024 * 1024;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// What the program prints; "" where it can't be run.
std::string printed_by_security() {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_CLOEXEC_DEFAULT);
  const char* const arguments[] = {"/usr/bin/security",
                                   "find-certificate",
                                   "-a",
                                   "-p",
                                   "/System/Library/Keychains/SystemRootCertificates.keychain",
                                   "/Library/Keychains/System.keychain",
                                   nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, arguments[0], &files, &attributes,
                                   const_cast<char* const*>(arguments), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  std::string printed;
  char part[16 * 1024];
  while (failed == 0 && printed.size() < kMaxPrinted) {
    const ssize_t got = ::read(ends[0], part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    printed.append(part, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (failed == 0) ::waitpid(child, nullptr, 0);
  return printed;
}

}  // namespace

void add_system_roots(SSL_CTX* context) {
  if (is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR")) {
    SSL_CTX_set_default_verify_paths(context);
    return;
  }
  const std::string pem = printed_by_security();
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509_STORE* trusted = SSL_CTX_get_cert_store(context);
  while (X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(trusted, certificate);
    X509_free(certificate);
  }
  BIO_free(in);
}

}  // namespace openunison::net
