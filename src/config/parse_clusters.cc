// SPDX-License-Identifier: Apache-2.0
//
// The clusters (docs/design.md, decisions 20 and 25): the first from the top-level keys, more from
// the list. A token of one must be worth nothing at another, so each has an audience or an issuer
// of its own.
#include <algorithm>

#include "config/checks.h"
#include "config/parser.h"

namespace openunison::config {
namespace {

constexpr std::size_t kMaxClusterName = 63;
constexpr std::size_t kMaxClientId = 128;
constexpr std::size_t kMaxClusters = 500;
constexpr const char* kIssuerBase = "/auth/idp/";

}  // namespace

void Parser::read_clusters() {
  values_.clusters.push_back(read_first_cluster());
  const std::vector<Item> more = items("clusters");
  if (more.size() > kMaxClusters)
    return error(root(), "clusters",
                 "has too many entries: at most " + std::to_string(kMaxClusters));
  for (const Item& item : more) {
    Cluster cluster = read_cluster(item);
    check_distinct(cluster, item);
    values_.clusters.push_back(std::move(cluster));
  }
}

Cluster Parser::read_first_cluster() {
  Cluster cluster;
  cluster.name = in_.string("k8s_cluster_name");
  cluster.label = in_.string("k8s_cluster_label");
  cluster.k8s_url = required(root(), "network.k8s_url",
                             "the API server's URL, such as https://api.example.com:6443");
  cluster.username_prefix = in_.string("network.k8s_username_prefix");
  cluster.groups_prefix = in_.string("network.k8s_groups_prefix");
  cluster.az_groups = in_.strings("az_groups");
  cluster.k8s_ca_pem = values_.trusted_pem("k8s-master");
  check_cluster_name(cluster, root(), "k8s_cluster_name");
  check_k8s_url(cluster, root(), "network.k8s_url");
  check_cluster_prefixes(cluster, root(), "network.");
  return cluster;
}

Cluster Parser::read_cluster(const Item& item) {
  Cluster cluster;
  cluster.name = required(item, "name", "a unique name, for addresses and kubeconfig entries");
  cluster.label = string(item, "label");
  cluster.k8s_url =
      required(item, "k8s_url", "the API server's URL, such as https://api.example.com:6443");
  cluster.client_id = string(item, "client_id");
  if (cluster.client_id.empty()) cluster.client_id = "kubernetes-" + cluster.name;
  if (boolean(item, "own_issuer")) cluster.issuer_path = kIssuerBase + cluster.name;
  cluster.username_prefix = string(item, "k8s_username_prefix");
  cluster.groups_prefix = string(item, "k8s_groups_prefix");
  cluster.az_groups = strings(item, "az_groups");
  cluster.k8s_ca_pem = certificates(item, "k8s_ca_pem_b64");
  check_cluster_name(cluster, item, "name");
  check_k8s_url(cluster, item, "k8s_url");
  check_cluster_prefixes(cluster, item, "");
  if (cluster.client_id == kCommandLineClient) {
    error(item, "client_id",
          "is the one of kubectl oulogin, whose tokens no API server may take; choose another");
  }
  if (!is_plain_name(cluster.client_id, kMaxClientId)) {
    error(item, "client_id", "may have letters, digits, dots, dashes and underscores, up to 128");
  }
  return cluster;
}

void Parser::check_cluster_name(const Cluster& cluster, const Item& item, std::string_view key) {
  if (is_plain_name(cluster.name, kMaxClusterName)) return;
  error(item, key,
        "may have letters, digits, dots, dashes and underscores, up to 63: it stands in addresses "
        "and kubeconfig entries");
}

void Parser::check_k8s_url(const Cluster& cluster, const Item& item, std::string_view key) {
  if (!cluster.k8s_url.empty()) check_https(item, key, cluster.k8s_url);
}

// `keys`: what stands before k8s_username_prefix.
void Parser::check_cluster_prefixes(const Cluster& cluster, const Item& item,
                                    std::string_view keys) {
  const std::string username_key = std::string(keys) + "k8s_username_prefix";
  const std::string groups_key = std::string(keys) + "k8s_groups_prefix";
  for (const auto& [key, prefix] : {std::pair{&username_key, &cluster.username_prefix},
                                    std::pair{&groups_key, &cluster.groups_prefix}}) {
    if (!is_prefix(*prefix)) error(item, *key, "may have letters, digits and . _ : / @ # + -");
    // "sys" and a name that begins with "tem:" would make one too.
    const bool begins = !prefix->empty() && std::string_view("system:").starts_with(*prefix);
    if (begins || prefix->find("system:") != std::string::npos)
      error(item, *key,
            "must not make names that begin with system:, which EKS refuses and Kubernetes keeps "
            "for itself");
  }
  if (cluster.groups_prefix == "-") {
    warning(item, groups_key,
            "is a dash before every group: only user names know - as \"no prefix\"; leave it out "
            "for none");
  }
}

void Parser::check_distinct(const Cluster& cluster, const Item& item) {
  const bool shares_first = cluster.issuer_path == values_.clusters.front().issuer_path;
  if (shares_first && boolean(item, "own_issuer")) {
    return error(item, "name", "would give it the first cluster's issuer; choose another name");
  }
  for (const Cluster& other : values_.clusters) {
    if (other.name == cluster.name) error(item, "name", "another cluster has this name");
    if (other.client_id == cluster.client_id && other.issuer_path == cluster.issuer_path) {
      error(item, "client_id",
            "is that of the cluster " + other.name +
                ", so a token for one would be good at the other; give it its own, or own_issuer: "
                "true");
    }
  }
}

}  // namespace openunison::config
