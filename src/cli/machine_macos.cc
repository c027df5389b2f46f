// SPDX-License-Identifier: Apache-2.0
#include <mach-o/dyld.h>
#include <sys/sysctl.h>

#include <climits>
#include <filesystem>

#include "cli/error.h"
#include "cli/machine.h"
#include "cli/machine_posix.h"

namespace openunison::cli {

System own_system() {
  return System::mac;
}

bool is_kernel_of_wsl() {
  return false;
}

std::string boot_id() {
  char text[64] = {};
  std::size_t length = sizeof text - 1;
  if (::sysctlbyname("kern.bootsessionuuid", text, &length, nullptr, 0) != 0) return {};
  return text;
}

Result<std::string> own_file() {
  char name[PATH_MAX] = {};
  std::uint32_t size = sizeof name;
  if (::_NSGetExecutablePath(name, &size) != 0)
    return fail(Errc::state, "this program can't find its own file");
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::canonical(name, failed);
  if (failed) return fail(Errc::state, "this program can't find its own file: " + failed.message());
  return program.string();
}

}  // namespace openunison::cli
