// SPDX-License-Identifier: Apache-2.0
//
// The --secrets directory: one file a secret, named as OpenUnison names its Secret's keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/values.h"
#include "crypto/seal.h"
#include "net/tls.h"

namespace openunison::cmd {

class SecretsDirectory {
 public:
  // Without a path there are no secrets.
  explicit SecretsDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  // Error: there is no such folder, or who runs this may not look into it.
  Result<void> usable() const;
  bool exists(const std::string& name) const;
  // Which files are missing for these values, and which aren't used.
  std::vector<config::Problem> check(const config::Values& values) const;
  // Without a trailing newline. nullopt: there is no such file. Error: it can't be read, or is
  // empty.
  Result<std::optional<Secret>> read(const std::string& name) const;
  // Error: missing, with how to make one.
  Result<crypto::MasterKey> master_key() const;
  // Reads the certificate and key files that values name.
  Result<std::vector<net::CertificatePair>> certificates(
      const std::vector<config::TlsFiles>& files) const;
  // Changes when one of those files does.
  std::string fingerprint(const std::vector<config::TlsFiles>& files) const;

 private:
  std::string path_;
};

}  // namespace openunison::cmd
