// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "kube/kubeconfig.h"
#include "kube/system.h"

namespace openunison::kube {
namespace {

std::string absolute(std::string_view path) {
  std::error_code error;
  const std::filesystem::path made = std::filesystem::absolute(path, error);
  return error ? std::string(path) : made.string();
}

}  // namespace

Environment Environment::of_process() {
  const char* list = std::getenv("KUBECONFIG");
  return {list ? list : "", system::home_folder()};
}

Result<Files> find_files(std::string_view flag, const Environment& environment) {
  if (!flag.empty()) return Files{{absolute(flag)}, true};
  if (environment.kubeconfig.empty()) {
    if (environment.home.empty()) {
      return fail(Errc::no_file,
                  "there is no home folder to find .kube/config in (HOME is not set); name a file "
                  "with --kubeconfig");
    }
    return Files{{absolute(environment.home + "/.kube/config")}, false};
  }
  Files files;
  std::string_view rest = environment.kubeconfig;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(system::kListSeparator), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty()) continue;
    std::string path = absolute(part);
    if (std::ranges::find(files.paths, path) == files.paths.end())
      files.paths.push_back(std::move(path));
  }
  if (files.paths.empty()) {
    return fail(
        Errc::no_file,
        "KUBECONFIG is set and names no file, so kubectl would read none; unset it, or name "
        "a file with --kubeconfig");
  }
  return files;
}

const std::string& Files::for_new_entries() const {
  for (const std::string& path : paths) {
    const auto kind = system::kind_of(path);
    if (kind && *kind != system::FileKind::missing) return path;
  }
  return paths.back();
}

}  // namespace openunison::kube
