// SPDX-License-Identifier: Apache-2.0
//
// Names in what people paste into a shell: whatever a provider calls somebody, the command stays
// one word of sh -c and the kubeconfig one document.
#include <string>

#include "fuzz.h"
#include "kube/names.h"
#include "portal/kubeconfig.h"
#include "text/yaml.h"

using namespace openunison;

FUZZ(text) {
  portal::KubectlAccess access;
  const std::size_t half = text.size() / 2;
  access.cluster = text.substr(0, half);
  access.user = text.substr(half);
  access.server = "https://api.example.com:6443";
  access.issuer = "https://portal.example.com/auth/idp/k8sIdp";
  access.client_id = "kubernetes";
  access.refresh_token = Secret(std::string("token-without-special-bytes"));
  const std::string name = kube::entry_name(text);
  for (const char c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '@' || c == '.' || c == '_' || c == '+' ||
                         c == '-';
    MUST(allowed);
  }
  const std::string command = portal::posix_command(access);
  // sh -c '...': the only single quotes are the two around.
  MUST(command.starts_with("sh -c '"));
  MUST(command.find('\'', 7) == command.find_last_of('\''));
  const std::string file = portal::kubeconfig_file(access);
  MUST(text::Yaml::parse(file).has_value());
  MUST(portal::powershell_command(access).find('\0') == std::string::npos);
}
