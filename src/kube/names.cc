// SPDX-License-Identifier: Apache-2.0
#include "kube/names.h"

namespace openunison::kube {

std::string entry_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("@._+-").find(c) != std::string_view::npos;
    name += plain ? c : '-';
  }
  if (name.starts_with('-')) name[0] = '_';
  return name.empty() ? "user" : name;
}

}  // namespace openunison::kube
