// SPDX-License-Identifier: Apache-2.0
//
// Parser: from a YAML tree to Values. The reader holds the tree against the schema; what keys mean,
// alone and together, is here, a file per room of the configuration: parse.cc, parse_providers.cc,
// parse_clusters.cc, parse_clients.cc, parse_workloads.cc, parse_server.cc. Private to config/;
// used once, by one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/reader.h"

namespace openunison::config {

class Parser {
 public:
  // `root` outlives the parser.
  Parser(const text::Yaml& root, const std::string& file) : root_(root), in_(root, file) {
    values_.file = file;
  }
  Parsed parse();

 private:
  // An entry of a list of maps.
  struct Item {
    const text::Yaml* yaml;
    std::string prefix;  // "openunison.apps[]", in the schema
    std::string shown;   // "openunison.apps[2]", in messages
    text::Position at;   // where to point for what isn't written in it
  };

  // parse.cc
  void read_network();
  void read_trusted_certificates();
  void read_authentication();
  void read_access();
  void check_lifetimes();
  void settle_grace_period();

  // parse_providers.cc
  void read_providers();
  IdentityProvider read_oidc(const Item& item);
  IdentityProvider read_local(const Item& item);
  void check_endpoints(const IdentityProvider& provider, const Item& item);
  void check_oidc(const IdentityProvider& provider, const Item& item);
  void check_force_authentication(const IdentityProvider& provider, const Item& item);
  void check_offline_access(const IdentityProvider& provider, const Item& item);
  void check_provider_prefixes(const IdentityProvider& provider, const Item& item);
  void check_provider_names();
  void check_provider_namespaces();
  void give_callbacks();

  // parse_clusters.cc
  void read_clusters();
  Cluster read_first_cluster();
  Cluster read_cluster(const Item& item);
  void check_cluster_name(const Cluster& cluster, const Item& item, std::string_view key);
  void check_k8s_url(const Cluster& cluster, const Item& item, std::string_view key);
  void check_cluster_prefixes(const Cluster& cluster, const Item& item, std::string_view keys);
  void check_distinct(const Cluster& cluster, const Item& item);

  // parse_clients.cc
  void read_apps();
  std::string icon_of(const Item& item);
  void read_clients();
  void check_client(const Client& client, const Item& item);
  void check_redirects(const std::vector<std::string>& uris, const Item& item,
                       std::string_view key);

  // parse_workloads.cc
  void read_workloads();
  std::vector<std::pair<std::string, std::string>> read_exact_claims(const Item& item);
  void check_workload_tokens(const Workload& workload, const Item& item);
  void check_workload_subjects(const Workload& workload, const Item& item);
  void check_workload_names(const Workload& workload, const Item& item);
  void check_workload_access(const Workload& workload, const Item& item);

  // parse_server.cc
  void read_portal();
  void read_server();
  void read_tls();
  void read_proxies();
  void read_jwks();
  void read_limits();
  void read_replicas();
  void read_metrics_access();
  void read_non_secret_data();
  void read_token_life(const text::Yaml& data);
  void read_proxy(const text::Yaml& data);

  // Values of an item; an empty `prefix` and `shown` stand for the root.
  std::string string(const Item& item, std::string_view key) const {
    return in_.string(*item.yaml, item.prefix, key);
  }
  bool boolean(const Item& item, std::string_view key) const {
    return in_.boolean(*item.yaml, item.prefix, key);
  }
  std::vector<std::string> strings(const Item& item, std::string_view key) const {
    return in_.strings(*item.yaml, key);
  }
  bool written(const Item& item, std::string_view key) const {
    return in_.find(*item.yaml, key) != nullptr;
  }
  std::vector<Item> items(const std::string& path) const;
  Item root() const { return {&root_, "", "", {1, 1}}; }

  void error(const Item& item, std::string_view key, std::string message);
  void warning(const Item& item, std::string_view key, std::string message);
  // Of a list of text: points at its entry.
  void error_at(const Item& item, std::string_view key, std::size_t index, std::string message);
  // A value that must be there: `why` ends the sentence "is missing: ...".
  std::string required(const Item& item, std::string_view key, std::string_view why);
  // An https URL without query and fragment.
  void check_https(const Item& item, std::string_view key, const std::string& url);
  // PEM certificates in base64; "" where there is none or they can't be read.
  std::string certificates(const Item& item, std::string_view key);

  const text::Yaml& root_;
  Reader in_;
  Values values_;
  std::vector<Item> provider_items_;  // as values_.identity_providers; empty for the implied one
};

}  // namespace openunison::config
