// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "cmd/openunison/commands.h"
#include "config/error.h"

namespace openunison::cmd {

Result<void> SecretsDirectory::usable() const {
  return check_directory(path_, R_OK | X_OK);
}

bool SecretsDirectory::exists(const std::string& name) const {
  std::error_code unreadable;
  return !name.empty() && std::filesystem::exists(path_of(name), unreadable);
}

std::vector<config::Problem> SecretsDirectory::check(const config::Values& values) const {
  return config::check_secrets(values, [this](const std::string& name) { return exists(name); });
}

Result<std::optional<Secret>> SecretsDirectory::read(const std::string& name) const {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::exists(path_of(name), ignored))
    return std::optional<Secret>();
  std::string content = TRY(read_file(path_of(name)));
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  if (content.empty())
    return fail(config::Errc::bad_argument,
                path_of(name) + ": it is empty; the secret belongs into it");
  return std::optional(Secret(std::move(content)));
}

Result<crypto::MasterKey> SecretsDirectory::master_key() const {
  TRY_VOID(usable());
  const auto current = TRY(read("OU_MASTER_KEY"));
  if (!current) {
    return fail(config::Errc::bad_argument, path_of("OU_MASTER_KEY") +
                                                " is missing. It seals sessions and keys; make it "
                                                "once and keep it: openssl rand -base64 32 > " +
                                                path_of("OU_MASTER_KEY"));
  }
  const auto previous = TRY(read("OU_MASTER_KEY.previous"));
  auto key = crypto::MasterKey::create(*current, previous ? &*previous : nullptr);
  if (!key) return fail(config::Errc::bad_argument, path_of(key.error().message()));
  return key;
}

Result<std::vector<net::CertificatePair>> SecretsDirectory::certificates(
    const std::vector<config::TlsFiles>& files) const {
  std::vector<net::CertificatePair> pairs;
  for (const config::TlsFiles& file : files) {
    net::CertificatePair pair;
    pair.origin = path_of(file.cert);
    pair.chain_pem = TRY(read_file(pair.origin));
    pair.key_origin = path_of(file.key);
    pair.key_pem = Secret(TRY(read_file(pair.key_origin)));
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

std::string SecretsDirectory::fingerprint(const std::vector<config::TlsFiles>& files) const {
  std::string text;
  for (const config::TlsFiles& file : files) {
    for (const std::string& name : {file.cert, file.key}) {
      struct stat status{};
      if (::stat(path_of(name).c_str(), &status) == 0) {
        text += std::to_string(status.st_ino) + ":" + std::to_string(status.st_mtim.tv_sec) + "." +
                std::to_string(status.st_mtim.tv_nsec) + ":" +
                std::to_string(status.st_ctim.tv_sec) + "." +
                std::to_string(status.st_ctim.tv_nsec) + ":" + std::to_string(status.st_size) + ";";
      }
    }
  }
  return text;
}

}  // namespace openunison::cmd
