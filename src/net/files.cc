// SPDX-License-Identifier: Apache-2.0
#include "net/files.h"

#include <sys/resource.h>

#include <algorithm>

namespace openunison::net {
namespace {

// Connections of the management port and the admin socket, to upstreams, the store's files,
// listeners; what a limit of 1,024 can spare is less.
constexpr std::size_t kReserve = 512;

}  // namespace

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlim_t former = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = former;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t connections_that_fit(std::size_t open_files, std::size_t wanted) {
  const std::size_t reserve = std::min(kReserve, open_files / 2);
  return std::max<std::size_t>(std::min(wanted, open_files - reserve), 1);
}

}  // namespace openunison::net
