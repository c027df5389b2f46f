// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
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

Result<void> check_directory(const std::string& path, int mode) {
  const auto bad = [](const std::string& why) { return fail(config::Errc::bad_argument, why); };
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT)
      return bad("there is no folder " + path + "; make it with: mkdir -m 700 " + path);
    return bad(path + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) return bad(path + ": it is a file; a folder is needed");
  if (::access(path.c_str(), mode) == 0) return {};
  return bad(path + ": " + std::strerror(errno) + "; it belongs to the user with id " +
             std::to_string(status.st_uid) + ", and this runs as " + std::to_string(::geteuid()));
}

Result<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return fail(config::Errc::bad_argument, path + ": it is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (in) content << in.rdbuf();
  if (!in)
    return fail(config::Errc::bad_argument,
                path + ": " + std::strerror(errno != 0 ? errno : ENOENT));
  return content.str();
}

config::Problem problem_of(const Error& error, const std::vector<std::string>& files) {
  config::Problem problem{config::Severity::error, files.front(), {0, 0}, "", error.message()};
  for (const std::string& file : files) {
    if (!error.message().starts_with(file + ":")) continue;
    const char* rest = error.message().c_str() + file.size();
    int line = 0, column = 0, used = 0;
    if (std::sscanf(rest, ":%d:%d: %n", &line, &column, &used) == 2 && used > 0)
      problem.position = {line, column};
    else
      std::sscanf(rest, ": %n", &used);
    problem.file = file;
    problem.message = rest + used;
  }
  return problem;
}

std::optional<config::Values> load_values(const CommonOptions& options) {
  const auto text = read_file(options.values_file);
  if (!text) {
    report(options, text.error());
    return std::nullopt;
  }
  config::Parsed parsed = config::parse_values(*text, options.values_file);
  for (const config::Problem& problem : parsed.problems) std::cerr << problem.text() << '\n';
  return std::move(parsed.values);
}

}  // namespace openunison::cmd
