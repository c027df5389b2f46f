// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "kube/kubeconfig.h"
#include "kube/system.h"

namespace openunison::kube {
namespace {

// The folder, or the one above it in which it would be made.
std::filesystem::path nearest(std::filesystem::path folder) {
  while (folder.has_relative_path() &&
         system::kind_of(folder.string()).value_or(system::FileKind::other) ==
             system::FileKind::missing)
    folder = folder.parent_path();
  return folder;
}

}  // namespace

Result<void> check_writable(const Files& files) {
  // What can't even be looked at apply() says.
  const auto target = system::follow_links(files.for_new_entries());
  const auto kind = target ? system::kind_of(*target) : std::unexpected(target.error());
  if (!kind) return {};
  if (*kind == system::FileKind::regular && system::write_protected(*target))
    return fail(
        Errc::read_only,
        fmt::format("{} is write-protected; allow writing (chmod u+w), or name another file "
                    "with --kubeconfig",
                    *target));
  // A file is replaced whole, so what counts is whether one can be made beside it.
  const std::string folder = nearest(std::filesystem::path(*target).parent_path()).string();
  const std::string probe =
      (std::filesystem::path(folder) / fmt::format(".openunison-{}", system::this_process().id))
          .string();
  const auto made = system::create_exclusively(probe, "");
  if (made) {
    system::remove_if(probe, *made);
    return {};
  }
  const int cause = made.error();
  if (cause != EACCES && cause != EPERM && cause != EROFS) return {};
  return fail(Errc::read_only,
              fmt::format("the folder {} can't be written to ({}); change its permissions, or name "
                          "another file with --kubeconfig",
                          folder, std::strerror(cause)));
}

}  // namespace openunison::kube
