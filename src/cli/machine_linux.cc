// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include "cli/error.h"
#include "cli/machine.h"
#include "cli/machine_posix.h"
#include "text/utf8.h"

namespace openunison::cli {
namespace {

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

System own_system() {
  return System::linux_like;
}

bool is_kernel_of_wsl() {
  return text::ascii_lower(first_line("/proc/version")).find("microsoft") != std::string::npos;
}

std::string boot_id() {
  return first_line("/proc/sys/kernel/random/boot_id");
}

Result<std::string> own_file() {
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return fail(Errc::state, "this program can't find its own file: " + failed.message());
  return program.string();
}

}  // namespace openunison::cli
