// SPDX-License-Identifier: Apache-2.0
#include "cli/own_program.h"

#include <algorithm>
#include <filesystem>

#include "cli/machine.h"

namespace openunison::cli {
namespace {

namespace fs = std::filesystem;

// Whether `path` is another name of the file `program`.
bool leads_to(const fs::path& path, const fs::path& program) {
  std::error_code failed;
  return path.is_absolute() && fs::equivalent(path, program, failed);
}

fs::path folder_of_krew(const Environment& environment) {
  if (const auto root = environment.variable("KREW_ROOT"); !root.empty()) return fs::path(root);
  const char* home = environment.system == System::windows ? "USERPROFILE" : "HOME";
  return fs::path(environment.variable(home)) / ".krew";
}

}  // namespace

Result<std::string> own_program(const Environment& environment) {
  const std::string program = TRY(own_file());
  const std::string name = program_file("kubectl-oulogin");
  const char separator = environment.system == System::windows ? ';' : ':';
  std::string_view path = environment.variable("PATH");
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(separator), path.size());
    const fs::path there = fs::path(path.substr(0, end)) / name;
    if (leads_to(there, program)) return there.string();
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  const fs::path there = folder_of_krew(environment) / "bin" / name;
  return leads_to(there, program) ? there.string() : program;
}

}  // namespace openunison::cli
