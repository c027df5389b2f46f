// SPDX-License-Identifier: Apache-2.0
//
// `check` and `api-server-config`: what can be said of a values file without a server.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cmd/openunison/commands.h"
#include "config/api_server_config.h"
#include "config/error.h"
#include "text/json.h"

namespace openunison::cmd {
namespace {

void print_json(const std::vector<config::Problem>& problems) {
  text::Json::Array list;
  for (const config::Problem& problem : problems) {
    text::Json entry;
    entry.set("severity", problem.severity == config::Severity::error ? "error" : "warning");
    entry.set("file", problem.file);
    entry.set("line", problem.position.line);
    entry.set("column", problem.position.column);
    entry.set("key", problem.key);
    entry.set("message", problem.message);
    list.push_back(std::move(entry));
  }
  text::Json json;
  json.set("problems", text::Json(std::move(list)));
  std::cout << json.dump_pretty();
}

}  // namespace

int check(const CommonOptions& options) {
  const auto text = read_file(options.values_file);
  if (!text) return report(text.error());
  config::Parsed parsed = config::parse_values(*text, options.values_file);
  if (parsed.values && !options.secrets_directory.empty()) {
    const std::filesystem::path directory = options.secrets_directory;
    const auto missing = config::check_secrets(*parsed.values, [&](const std::string& name) {
      return std::filesystem::exists(directory / name);
    });
    parsed.problems.insert(parsed.problems.end(), missing.begin(), missing.end());
  }
  const auto errors = std::count_if(
      parsed.problems.begin(), parsed.problems.end(),
      [](const config::Problem& problem) { return problem.severity == config::Severity::error; });
  if (options.output == "json") {
    print_json(parsed.problems);
  } else {
    for (const config::Problem& problem : parsed.problems) std::cout << problem.text() << '\n';
    std::cout << options.values_file << ": " << errors << (errors == 1 ? " error, " : " errors, ")
              << static_cast<std::ptrdiff_t>(parsed.problems.size()) - errors << " warnings\n";
  }
  return errors == 0 ? 0 : 1;
}

int api_server_config(const CommonOptions& options, const std::string& format,
                      const std::string& cluster_name, const std::string& ca_file) {
  const auto parsed_format = config::parse_api_server_format(format);
  if (!parsed_format) {
    report(parsed_format.error());
    return 2;
  }
  const auto values = load_values(options);
  if (!values) return 1;
  const config::Cluster* cluster = &values->clusters.front();
  if (!cluster_name.empty()) {
    const auto found =
        std::find_if(values->clusters.begin(), values->clusters.end(),
                     [&](const config::Cluster& each) { return each.name == cluster_name; });
    if (found == values->clusters.end())
      return report(Error(config::Errc::bad_argument, "there is no cluster named " + cluster_name +
                                                          " in " + options.values_file));
    cluster = &*found;
  }
  config::ApiServerConfigOptions details;
  details.ca_file = ca_file;
  for (const config::TrustedCertificate& trusted : values->trusted_certs) {
    if (trusted.name == "unison-ca") details.ca_pem = trusted.pem;
  }
  std::cout << config::api_server_config(*values, *cluster, *parsed_format, details);
  return 0;
}

}  // namespace openunison::cmd
