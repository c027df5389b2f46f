// SPDX-License-Identifier: Apache-2.0
//
// The plugin of kubectl, as the portal hands it out: what `make package` made, read once at the
// start and held against its SHA256SUMS. What isn't listed there under a name of the known form is
// no download, whatever else is in the folder; no path ever comes from a request. They are for
// everybody, signed in or not: nothing in them is secret, and krew and curl have no session.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace openunison::portal {

inline constexpr std::string_view kDownloads = "/download/kubectl-oulogin/";

struct Download {
  std::string name;    // "kubectl-oulogin_v0.1.0_linux_amd64.tar.gz"
  std::string system;  // "linux", "darwin" or "windows"
  std::string label;   // "Linux, x86-64"
  std::string sha256;  // 64 hexadecimal digits, lower case
  std::shared_ptr<const std::string> body;
};

class Downloads {
 public:
  Downloads() = default;
  // `origin`: "https://k8sou.example.com", which krew's manifest is made to name. Error:
  // config::Errc::bad_argument, what is wrong with the folder.
  static Result<Downloads> read(const std::string& folder, const std::string& origin);

  // All of them, those first that fit the visitor's system as far as its User-Agent tells.
  // `fitting`: how many these are.
  struct Choice {
    std::vector<const Download*> all;
    std::size_t fitting = 0;
  };
  Choice for_visitor(std::string_view user_agent) const;
  bool empty() const { return all_.empty(); }
  // Whether there is a manifest for krew.
  bool has_manifest() const { return manifest_ != nullptr; }
  // 404 for whatever isn't one of them, SHA256SUMS or oulogin.yaml.
  http::Response serve(const http::Request& request) const;

 private:
  std::vector<Download> all_;  // by system, and by architecture
  std::shared_ptr<const std::string> sums_, manifest_;
};

// The download that such a name is of, without sum and content; nullopt: it is none. Pure.
std::optional<Download> download_of(std::string_view name);

}  // namespace openunison::portal
