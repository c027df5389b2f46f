// SPDX-License-Identifier: Apache-2.0
#include "bench/process.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace openunison::bench {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

double cpu_seconds(const std::vector<pid_t>& pids) {
  double ticks = 0;
  for (const pid_t pid : pids) {
    const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th fields behind
    // it (proc(5)).
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t resident_kib(const std::vector<pid_t>& pids) {
  std::uint64_t total = 0;
  for (const pid_t pid : pids) {
    const std::string text = read_file("/proc/" + std::to_string(pid) + "/status");
    const std::size_t at = text.find("VmRSS:");
    if (at != std::string::npos) total += std::stoull(text.substr(at + 6));
  }
  return total;
}

}  // namespace openunison::bench
