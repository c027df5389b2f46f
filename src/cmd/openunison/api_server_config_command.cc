// SPDX-License-Identifier: Apache-2.0
//
// `api-server-config`: what a cluster must be told to trust the portal that values describe.
#include <algorithm>
#include <iostream>

#include "cmd/openunison/commands.h"
#include "config/api_server_config.h"
#include "config/error.h"

namespace openunison::cmd {

int api_server_config(const CommonOptions& options, const std::string& format,
                      const std::string& cluster_name, const std::string& ca_file) {
  CommonOptions told = options;  // --output is --format here
  told.output = format;
  const auto parsed_format = config::parse_api_server_format(format);
  if (!parsed_format) {
    report(parsed_format.error());
    return 2;
  }
  const auto values = load_values(told);
  if (!values) return 1;
  const config::Cluster* cluster = &values->clusters.front();
  if (!cluster_name.empty()) {
    const auto found =
        std::find_if(values->clusters.begin(), values->clusters.end(),
                     [&](const config::Cluster& each) { return each.name == cluster_name; });
    if (found == values->clusters.end())
      return report(
          told, Error(config::Errc::bad_argument,
                      "there is no cluster named " + cluster_name + " in " + options.values_file));
    cluster = &*found;
  }
  if (config::is_for_eks(*parsed_format) &&
      values->signing_algorithm == config::SigningAlgorithm::es256) {
    return report(told, Error(config::Errc::bad_argument,
                              "EKS takes RS256 only, and would refuse every token: remove "
                              "openunison.signing_algorithm: ES256 from " +
                                  options.values_file));
  }
  config::ApiServerConfigOptions details;
  details.ca_file = ca_file;
  details.ca_pem = values->trusted_pem(config::kPortalAuthority);
  std::cout << config::api_server_config(*values, *cluster, *parsed_format, details);
  if (config::is_for_eks(*parsed_format)) {
    std::cerr << "openunison: EKS fetches this portal's keys from the internet: it needs a public "
                 "address and a publicly trusted certificate\n";
  }
  using config::ApiServerFormat;
  const bool has_flags =
      *parsed_format == ApiServerFormat::flags || *parsed_format == ApiServerFormat::all;
  if (has_flags && !details.ca_pem.empty() && ca_file.empty()) {
    std::cerr << "openunison: flags can't hold a certificate: copy the portal's CA (unison-ca in "
                 "trusted_certs) to the API server's machine and give its path there with "
                 "--ca-file, which adds --oidc-ca-file\n";
  }
  return 0;
}

}  // namespace openunison::cmd
