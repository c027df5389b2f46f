// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cmd/openunison/commands.h"
#include "config/error.h"
#include "text/json.h"

namespace openunison::cmd {

int report(const Error& error) {
  std::cerr << "openunison: " << error.message() << '\n';
  return 1;
}

int report(const CommonOptions& options, const Error& error) {
  if (options.output == "json") {
    text::Json json;
    json.set("error", error.message());
    std::cout << json.dump_pretty();
  }
  return report(error);
}

Result<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return fail(config::Errc::bad_argument, path + " is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (in) content << in.rdbuf();
  if (!in)
    return fail(config::Errc::bad_argument,
                path + ": " + std::strerror(errno != 0 ? errno : ENOENT));
  return content.str();
}

std::optional<config::Parsed> parse_values_file(const CommonOptions& options) {
  const auto text = read_file(options.values_file);
  if (!text) {
    report(options, text.error());
    return std::nullopt;
  }
  return config::parse_values(*text, options.values_file);
}

void print(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) std::cerr << problem.text() << '\n';
}

std::optional<config::Values> load_values(const CommonOptions& options) {
  auto parsed = parse_values_file(options);
  if (!parsed) return std::nullopt;
  print(parsed->problems);
  return std::move(parsed->values);
}

}  // namespace openunison::cmd
