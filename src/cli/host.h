// SPDX-License-Identifier: Apache-2.0
//
// Host: a portal as people name it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace openunison::cli {

struct Host {
  std::string name;  // lower case; IPv6 without brackets
  std::uint16_t port = 443;

  // "k8sou.example.com", "k8sou.example.com:8443", "[::1]:8443", or the portal's address
  // "https://..." as a browser shows it, whose path is ignored. Error: bad_argument.
  static Result<Host> parse(std::string_view text);

  std::string origin() const;  // "https://NAME[:PORT]"
  std::string text() const;    // "NAME[:PORT]", as in kubeconfigs
  bool operator==(const Host&) const = default;
};

}  // namespace openunison::cli
