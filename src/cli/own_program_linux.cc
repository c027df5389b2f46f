// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "cli/error.h"
#include "cli/own_program.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kName = "/kubectl-oulogin";

// Whether `path` is another name of the file `program`.
bool leads_to(const std::string& path, const std::filesystem::path& program) {
  std::error_code failed;
  return path.starts_with('/') && std::filesystem::equivalent(path, program, failed);
}

}  // namespace

Result<std::string> own_program(const Environment& environment) {
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return fail(Errc::state, "this program can't find its own file: " + failed.message());
  std::string_view path = environment.variable("PATH");
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    const std::string there = std::string(path.substr(0, end)) + std::string(kName);
    if (leads_to(there, program)) return there;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  std::string krew(environment.variable("KREW_ROOT"));
  if (krew.empty()) krew = std::string(environment.variable("HOME")) + "/.krew";
  const std::string there = krew + "/bin" + std::string(kName);
  return leads_to(there, program) ? there : program.string();
}

}  // namespace openunison::cli
