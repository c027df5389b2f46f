// SPDX-License-Identifier: Apache-2.0
//
// WorkloadState: the credential that was had for the token in a file, beside those of people: for a
// portal, a cluster and the file's path. It counts only for the very token that it was had for, so
// that two jobs which use the same path one after the other never get each other's.
//
//   STATE/HOST[_PORT]/workload-NAME-DIGEST.json
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/state.h"

namespace openunison::cli {

struct KeptWorkload {
  std::string cluster, token_file;
  std::string digest;     // SubjectToken::digest
  Credential credential;  // without a refresh token
};

class WorkloadState {
 public:
  WorkloadState(const State& state, Host host, std::string cluster, std::string token_file);
  const std::string& file() const { return file_; }

  // nullopt: there is none. Error: state, where the file is there and can't be used.
  Result<std::optional<KeptWorkload>> read() const;
  // The portal's folder is there. Error: state.
  Result<void> save(const std::string& digest, const Credential& credential) const;

  // Of a portal, by file name; what can't be read is left out.
  static std::vector<KeptWorkload> all(const State& state, const Host& host);
  // Nothing there is fine.
  static Result<void> forget_all(const State& state, const Host& host);

 private:
  Host host_;
  std::string cluster_, token_file_, file_;
};

}  // namespace openunison::cli
