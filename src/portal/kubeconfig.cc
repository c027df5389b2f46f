// SPDX-License-Identifier: Apache-2.0
#include "portal/kubeconfig.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "kube/names.h"
#include "text/json.h"

namespace openunison::portal {
namespace {

using kube::entry_name;

// What may stand inside double quotes within single quotes, in every shell: nothing that any of
// them expands. URLs and client ids are validated in values to less than this; a byte that isn't is
// percent-encoded, which URLs bear.
std::string shell_safe(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~:/?#[]@+,;=%").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The certificates of a PEM text, without what stood around them (RFC 7468 §2) and any byte that
// has no place in them.
std::string clean_pem(std::string_view pem) {
  std::string out;
  bool inside = false;
  while (!pem.empty()) {
    const std::size_t end = std::min(pem.find('\n'), pem.size());
    std::string_view line = pem.substr(0, end);
    pem.remove_prefix(std::min(end + 1, pem.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    inside |= line.starts_with("-----BEGIN ");
    if (!inside) continue;
    if (!out.empty()) out += '\n';
    for (const char c : line) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') ||
                         std::string_view("+/=- ").find(c) != std::string_view::npos;
      if (plain) out += c;
    }
    inside = !line.starts_with("-----END ");
  }
  return out;
}

// YAML in JSON's quoting, which is YAML as well and has one way to escape.
std::string quoted(std::string_view value) {
  std::string out;
  text::append_json_string(out, value);
  return out;
}

std::string user_entry(const KubectlAccess& access) {
  return entry_name(access.user) + "@" + entry_name(access.cluster);
}

// `user_lines`: how the user signs in.
std::string kubeconfig_with(const KubectlAccess& access, const std::string& user_lines) {
  const std::string cluster = quoted(entry_name(access.cluster)), user = quoted(user_entry(access));
  std::string file = "apiVersion: v1\nkind: Config\nclusters:\n- name: " + cluster +
                     "\n  cluster:\n    server: " + quoted(access.server) + "\n";
  if (!access.server_ca_pem.empty()) {
    file +=
        "    certificate-authority-data: " + base64_encode(clean_pem(access.server_ca_pem) + "\n") +
        "\n";
  }
  file += "users:\n- name: " + user + "\n  user:\n" + user_lines;
  file += "contexts:\n- name: " + cluster + "\n  context:\n    cluster: " + cluster +
          "\n    user: " + user + "\ncurrent-context: " + cluster + "\n";
  return file;
}

}  // namespace

std::string posix_command(const KubectlAccess& access) {
  const std::string cluster = entry_name(access.cluster), user = user_entry(access);
  std::string script = "set -e\numask 077\n";
  if (!access.server_ca_pem.empty()) {
    // A function, so that the path is quoted when it is removed: TMPDIR may hold spaces.
    script += "dir=$(mktemp -d)\nclean_up() { rm -rf \"$dir\"; }\ntrap clean_up EXIT\n";
    script += "printf \"%s\\n\" \"" + clean_pem(access.server_ca_pem) + "\" > \"$dir/ca.pem\"\n";
  }
  script += "kubectl config set-cluster \"" + cluster + "\" --server=\"" +
            shell_safe(access.server) + "\"";
  if (!access.server_ca_pem.empty())
    script += " --certificate-authority=\"$dir/ca.pem\" --embed-certs=true";
  script += "\nkubectl config set-credentials \"" + user + "\" --auth-provider=oidc" +
            " --auth-provider-arg=idp-issuer-url=\"" + shell_safe(access.issuer) + "\"" +
            " --auth-provider-arg=client-id=\"" + shell_safe(access.client_id) + "\"";
  if (!access.issuer_ca_pem.empty()) {
    script += " --auth-provider-arg=idp-certificate-authority-data=" +
              base64_encode(clean_pem(access.issuer_ca_pem) + "\n");
  }
  script += " --auth-provider-arg=id-token= --auth-provider-arg=refresh-token=" +
            std::string(access.refresh_token.reveal());
  script += "\nkubectl config set-context \"" + cluster + "\" --cluster=\"" + cluster +
            "\" --user=\"" + user + "\"";
  script += "\nkubectl config use-context \"" + cluster + "\"\n";
  return "sh -c '" + script + "'";
}

std::string powershell_command(const KubectlAccess& access) {
  const std::string cluster = entry_name(access.cluster), user = user_entry(access);
  // Single quotes: PowerShell expands nothing in them. None of the values can hold one.
  std::string script = "& {\n$ErrorActionPreference = 'Stop'\n";
  const bool has_ca = !access.server_ca_pem.empty();
  if (has_ca) {
    script += "$ca = New-TemporaryFile\ntry {\nSet-Content -Path $ca -Encoding Ascii -Value '" +
              clean_pem(access.server_ca_pem) + "'\n";
  }
  script +=
      "kubectl config set-cluster '" + cluster + "' '--server=" + shell_safe(access.server) + "'";
  if (has_ca) script += " \"--certificate-authority=$ca\" --embed-certs=true";
  script +=
      "\nkubectl config set-credentials '" + user +
      "' --auth-provider=oidc '--auth-provider-arg=idp-issuer-url=" + shell_safe(access.issuer) +
      "' '--auth-provider-arg=client-id=" + shell_safe(access.client_id) + "'";
  if (!access.issuer_ca_pem.empty()) {
    script += " '--auth-provider-arg=idp-certificate-authority-data=" +
              base64_encode(clean_pem(access.issuer_ca_pem) + "\n") + "'";
  }
  script += " '--auth-provider-arg=id-token=' '--auth-provider-arg=refresh-token=" +
            std::string(access.refresh_token.reveal()) + "'";
  script += "\nkubectl config set-context '" + cluster + "' '--cluster=" + cluster +
            "' '--user=" + user + "'";
  script += "\nkubectl config use-context '" + cluster + "'\n";
  if (has_ca) script += "} finally { Remove-Item $ca }\n";
  return script + "}";
}

std::string kubeconfig_file(const KubectlAccess& access) {
  std::string user =
      "    auth-provider:\n      name: oidc\n      config:\n        idp-issuer-url: " +
      quoted(access.issuer) + "\n        client-id: " + quoted(access.client_id) + "\n";
  if (!access.issuer_ca_pem.empty()) {
    user += "        idp-certificate-authority-data: " +
            base64_encode(clean_pem(access.issuer_ca_pem) + "\n") + "\n";
  }
  user += "        refresh-token: " + quoted(access.refresh_token.reveal()) + "\n";
  return kubeconfig_with(access, user);
}

std::string plugin_kubeconfig(const KubectlAccess& access, std::string_view host) {
  constexpr std::string_view kHint =
      "kubectl-oulogin is missing: the page of this cluster at the portal says how to get it";
  std::string user =
      "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
      "      command: kubectl-oulogin\n      args:\n      - get-token\n";
  user += "      - " + quoted("--host=" + std::string(host)) + "\n";
  user += "      - " + quoted("--cluster=" + access.cluster) + "\n";
  user += "      interactiveMode: IfAvailable\n      provideClusterInfo: false\n";
  user += "      installHint: " + quoted(kHint) + "\n";
  return kubeconfig_with(access, user);
}

std::string name_in_cluster(std::string_view user, const config::Cluster& cluster,
                            std::string_view issuer) {
  if (cluster.username_prefix == "-") return std::string(user);
  if (cluster.username_prefix.empty()) return std::string(issuer) + "#" + std::string(user);
  return cluster.username_prefix + std::string(user);
}

}  // namespace openunison::portal
