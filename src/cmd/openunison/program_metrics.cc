// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/program_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cmd/openunison/build_info.h"
#include "crypto/x509.h"

namespace openunison::cmd {
namespace {

using metrics::Kind;
using metrics::Sample;
using Samples = std::vector<Sample>;

double seconds_since_epoch(WallTime time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1e3;
}

// The fields of /proc/self/stat behind the program's name, which may hold anything: field 3 of
// proc(5) is at 0.
std::vector<std::string> process_status() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const std::size_t name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(std::move(field));
  return fields;
}

// Field `number` of proc(5) in `unit`s; none where the system doesn't say.
Samples of_status(std::size_t number, double unit) {
  const auto fields = process_status();
  if (fields.size() <= number - 3) return {};
  return {{{}, std::strtod(fields[number - 3].c_str(), nullptr) * unit}};
}

Samples cpu_seconds() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return {};
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {{{}, seconds(used.ru_utime) + seconds(used.ru_stime)}};
}

Samples open_files() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return {};
  double count = -3;  // ".", ".." and the folder itself
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return {{{}, count}};
}

Samples most_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  return {{{}, static_cast<double>(limit.rlim_cur)}};
}

// When the machine was started, by the wall clock.
double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

Samples start_time() {
  Samples since_boot = of_status(22, 1 / static_cast<double>(::sysconf(_SC_CLK_TCK)));
  for (Sample& sample : since_boot) sample.value += boot_time();
  return since_boot;
}

metrics::Labels labels_of(const jose::KeyInfo& key) {
  return {{"kid", key.kid},
          {"algorithm", std::string(crypto::name(key.algorithm))},
          {"state", std::string(jose::name(key.state))}};
}

Samples key_times(const jose::KeyRing& keys, WallTime jose::KeyInfo::* time) {
  Samples samples;
  for (const jose::KeyInfo& key : keys.list()) {
    if (key.*time != WallTime{})
      samples.push_back({labels_of(key), seconds_since_epoch(key.*time)});
  }
  return samples;
}

// The first certificate of the chain to end; none where the text can't be read.
Samples expiry(const std::string& pem, const char* kind, const std::string& name) {
  const auto chain = crypto::read_certificates(pem);
  if (!chain || chain->empty()) return {};
  const auto first =
      std::ranges::min_element(*chain, {}, [](const auto& each) { return each.not_after; });
  return {{{{"kind", kind}, {"name", name}}, seconds_since_epoch(first->not_after)}};
}

}  // namespace

ProgramMetrics::ProgramMetrics(const jose::KeyRing& keys, const config::Values& values) {
  for (const config::TrustedCertificate& each : values.trusted_certs) {
    for (Sample& sample : expiry(each.pem, "trusted", each.name))
      trusted_.push_back(std::move(sample));
  }
  const auto add = [this](Kind kind, const char* name, const char* help,
                          metrics::Collected::Collect collect) {
    collected_.push_back(
        std::make_unique<metrics::Collected>(kind, name, help, std::move(collect)));
  };
  add(Kind::gauge, "openunison_build_info", "Always 1; its labels say which build this is.", [] {
    return Samples{
        {{{"version", kBuildVersion}, {"commit", kBuildCommit}, {"compiler", kCompiler}}, 1}};
  });
  add(Kind::gauge, "openunison_signing_key_created_timestamp_seconds",
      "When a signing key was made, since the epoch.",
      [&keys] { return key_times(keys, &jose::KeyInfo::created); });
  add(Kind::gauge, "openunison_signing_key_activation_timestamp_seconds",
      "When a signing key began to sign, or will.",
      [&keys] { return key_times(keys, &jose::KeyInfo::activates); });
  add(Kind::gauge, "openunison_signing_key_removal_timestamp_seconds",
      "When a key that no longer signs leaves the JWKS.",
      [&keys] { return key_times(keys, &jose::KeyInfo::leaves); });
  const double every = static_cast<double>(values.key_rotate_every.count());
  add(Kind::gauge, "openunison_signing_key_next_rotation_timestamp_seconds",
      "When another key signs next: the one that waits, or the one that is due by values. Absent "
      "where none is.",
      [&keys, every] {
        const auto list = keys.list();
        for (const jose::KeyInfo& key : list) {
          if (key.state == jose::KeyState::pending)
            return Samples{{{}, seconds_since_epoch(key.activates)}};
        }
        for (const jose::KeyInfo& key : list) {
          if (key.state == jose::KeyState::active && every > 0)
            return Samples{{{}, seconds_since_epoch(key.activates) + every}};
        }
        return Samples();
      });
  add(Kind::gauge, "openunison_certificate_expiry_timestamp_seconds",
      "When the first certificate of a chain expires: serving ones by file, trusted ones by name.",
      [this] { return certificates(); });

  add(Kind::counter, "process_cpu_seconds_total", "CPU time of user and system.", cpu_seconds);
  add(Kind::gauge, "process_open_fds", "Open file descriptors.", open_files);
  add(Kind::gauge, "process_max_fds", "Most file descriptors that may be open.", most_files);
  add(Kind::gauge, "process_virtual_memory_bytes", "Virtual memory.",
      [] { return of_status(23, 1); });
  add(Kind::gauge, "process_resident_memory_bytes", "Resident memory.",
      [] { return of_status(24, static_cast<double>(::sysconf(_SC_PAGESIZE))); });
  add(Kind::gauge, "process_threads", "Threads.", [] { return of_status(20, 1); });
  add(Kind::gauge, "process_start_time_seconds", "When the process started, since the epoch.",
      [start = start_time()] { return start; });
}

void ProgramMetrics::set_certificates(const std::vector<net::CertificatePair>& pairs) {
  Samples samples;
  for (const net::CertificatePair& pair : pairs) {
    const std::string name = pair.origin.substr(pair.origin.rfind('/') + 1);
    for (Sample& sample : expiry(pair.chain_pem, "serving", name))
      samples.push_back(std::move(sample));
  }
  const std::lock_guard lock(mutex_);
  serving_ = std::move(samples);
}

Samples ProgramMetrics::certificates() {
  const std::lock_guard lock(mutex_);
  Samples all = serving_;
  all.insert(all.end(), trusted_.begin(), trusted_.end());
  return all;
}

}  // namespace openunison::cmd
