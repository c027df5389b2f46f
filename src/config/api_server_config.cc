// SPDX-License-Identifier: Apache-2.0
#include "config/api_server_config.h"

#include <algorithm>
#include <iterator>

#include "config/error.h"
#include "text/json.h"
#include "text/yaml.h"

namespace openunison::config {
namespace {

constexpr std::string_view kFormats[] = {
    "all", "flags", "authentication-configuration", "eks-cli", "eksctl", "terraform", "json"};

struct Facts {
  std::string issuer, client_id, username_prefix, groups_prefix, name;
  const ApiServerConfigOptions& options;
  bool es256 = false;
};

std::string flags(const Facts& facts) {
  std::string out = "--oidc-issuer-url=" + facts.issuer + "\n--oidc-client-id=" + facts.client_id +
                    "\n--oidc-username-claim=sub\n--oidc-groups-claim=groups\n";
  if (!facts.username_prefix.empty())
    out += "--oidc-username-prefix=" + facts.username_prefix + "\n";
  if (!facts.groups_prefix.empty()) out += "--oidc-groups-prefix=" + facts.groups_prefix + "\n";
  out += "--oidc-required-claim=token_use=id\n";
  // Without it kube-apiserver takes RS256 only.
  if (facts.es256) out += "--oidc-signing-algs=ES256\n";
  if (!facts.options.ca_file.empty()) out += "--oidc-ca-file=" + facts.options.ca_file + "\n";
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  text::append_json_string(out, text);
  return out;
}

// The lines of a PEM text, under a YAML key at depth two.
std::string indented(std::string_view pem) {
  std::string out;
  while (!pem.empty()) {
    const std::size_t end = std::min(pem.find('\n'), pem.size());
    std::string line(pem.substr(0, end));
    std::erase(line, '\r');
    if (!line.empty()) out += "      " + line + "\n";
    pem.remove_prefix(std::min(end + 1, pem.size()));
  }
  return out;
}

std::string authentication_configuration(const Facts& facts) {
  // Here a prefix is always written: "" for none.
  const std::string username_prefix = facts.username_prefix == "-"    ? ""
                                      : facts.username_prefix.empty() ? facts.issuer + "#"
                                                                      : facts.username_prefix;
  std::string out =
      "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n- "
      "issuer:\n    url: " +
      quoted(facts.issuer) + "\n    audiences:\n    - " + quoted(facts.client_id) + "\n";
  if (!facts.options.ca_pem.empty()) {
    out += "    certificateAuthority: |\n" + indented(facts.options.ca_pem);
  }
  out +=
      "  claimValidationRules:\n  - claim: token_use\n    requiredValue: id\n  claimMappings:\n    "
      "username:\n      claim: sub\n      prefix: " +
      quoted(username_prefix) +
      "\n    groups:\n      claim: groups\n      prefix: " + quoted(facts.groups_prefix) + "\n";
  return out;
}

// EKS reads its prefixes as kube-apiserver reads the flags: "-" for none, absent for issuer#.
std::string eks_cli(const Facts& facts) {
  std::string out = "aws eks associate-identity-provider-config --cluster-name " + facts.name +
                    " --oidc 'identityProviderConfigName=openunison,issuerUrl=" + facts.issuer +
                    ",clientId=" + facts.client_id + ",usernameClaim=sub,groupsClaim=groups";
  if (!facts.username_prefix.empty()) out += ",usernamePrefix=" + facts.username_prefix;
  if (!facts.groups_prefix.empty()) out += ",groupsPrefix=" + facts.groups_prefix;
  return out + ",requiredClaims={token_use=id}'\n";
}

std::string eksctl(const Facts& facts) {
  std::string out =
      "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: " +
      quoted(facts.name) +
      "\n  region: REGION\nidentityProviders:\n- name: openunison\n  type: oidc\n  issuerUrl: " +
      quoted(facts.issuer) + "\n  clientId: " + quoted(facts.client_id) +
      "\n  usernameClaim: sub\n  groupsClaim: groups\n";
  if (!facts.username_prefix.empty())
    out += "  usernamePrefix: " + quoted(facts.username_prefix) + "\n";
  if (!facts.groups_prefix.empty()) out += "  groupsPrefix: " + quoted(facts.groups_prefix) + "\n";
  return out + "  requiredClaims:\n    token_use: id\n";
}

std::string terraform(const Facts& facts) {
  std::string out =
      "resource \"aws_eks_identity_provider_config\" \"openunison\" {\n  cluster_name = " +
      quoted(facts.name) +
      "\n\n  oidc {\n    identity_provider_config_name = \"openunison\"\n    issuer_url            "
      "        = " +
      quoted(facts.issuer) + "\n    client_id                     = " + quoted(facts.client_id) +
      "\n    username_claim                = \"sub\"\n    groups_claim                  = "
      "\"groups\"\n";
  if (!facts.username_prefix.empty())
    out += "    username_prefix               = " + quoted(facts.username_prefix) + "\n";
  if (!facts.groups_prefix.empty())
    out += "    groups_prefix                 = " + quoted(facts.groups_prefix) + "\n";
  return out + "    required_claims               = { token_use = \"id\" }\n  }\n}\n";
}

std::string json(const Facts& facts) {
  text::Json out;
  out.set("issuerUrl", facts.issuer);
  out.set("clientId", facts.client_id);
  out.set("usernameClaim", "sub");
  out.set("groupsClaim", "groups");
  out.set("usernamePrefix", facts.username_prefix);
  out.set("groupsPrefix", facts.groups_prefix);
  text::Json required;
  required.set("token_use", "id");
  out.set("requiredClaims", std::move(required));
  return out.dump_pretty();
}

}  // namespace

Result<ApiServerFormat> parse_api_server_format(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kFormats); ++i) {
    if (kFormats[i] == name) return static_cast<ApiServerFormat>(i);
  }
  std::string known;
  for (const std::string_view format : kFormats)
    known += (known.empty() ? "" : ", ") + std::string(format);
  return fail(Errc::bad_argument,
              "there is no format " + std::string(name) + "; use one of: " + known);
}

bool is_for_eks(ApiServerFormat format) {
  return format == ApiServerFormat::eks_cli || format == ApiServerFormat::eksctl ||
         format == ApiServerFormat::terraform;
}

std::string api_server_config(const Values& values, const Cluster& cluster, ApiServerFormat format,
                              const ApiServerConfigOptions& options) {
  const Facts facts{values.issuer(cluster),
                    cluster.client_id,
                    cluster.username_prefix,
                    cluster.groups_prefix,
                    cluster.name,
                    options,
                    values.signing_algorithm == SigningAlgorithm::es256};
  switch (format) {
    case ApiServerFormat::flags:
      return flags(facts);
    case ApiServerFormat::authentication_configuration:
      return authentication_configuration(facts);
    case ApiServerFormat::eks_cli:
      return eks_cli(facts);
    case ApiServerFormat::eksctl:
      return eksctl(facts);
    case ApiServerFormat::terraform:
      return terraform(facts);
    case ApiServerFormat::json:
      return json(facts);
    case ApiServerFormat::all:
      break;
  }
  const std::string own = "# Flags of kube-apiserver\n" + flags(facts) +
                          "\n# Or, from Kubernetes 1.34 on, a file for --authentication-config\n" +
                          authentication_configuration(facts);
  if (facts.es256) return own + "\n# EKS: not with openunison.signing_algorithm: ES256\n";
  return own +
         "\n# EKS reaches this portal only by a public address with a publicly trusted "
         "certificate.\n# EKS, with the AWS command line\n" +
         eks_cli(facts) + "\n# EKS, with eksctl; put your region where it says REGION\n" +
         eksctl(facts) + "\n# EKS, with Terraform\n" + terraform(facts);
}

}  // namespace openunison::config
