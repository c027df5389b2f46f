// SPDX-License-Identifier: Apache-2.0
#include "kube/lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <thread>

#include "kube/error.h"

namespace openunison::kube {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The first word of our locks; another version writes another.
constexpr std::string_view kOurs = "openunison-lock-1";
constexpr milliseconds kWatched{1'000};
// Nobody is told of a wait that is over before it is noticed.
constexpr milliseconds kQuiet{300};
constexpr milliseconds kPoll{20};

std::string content_of(const system::Process& process) {
  const auto word = [](const std::string& text) { return text.empty() ? "-" : text; };
  return fmt::format("{} {} {} {} {}\n", kOurs, process.id, word(process.host), word(process.world),
                     word(process.began));
}

std::optional<system::Process> owner_of(const std::string& content) {
  // Cut off, it could name another process.
  if (!content.ends_with('\n')) return std::nullopt;
  std::istringstream in(content);
  std::string mark;
  system::Process owner;
  if (!(in >> mark >> owner.id >> owner.host >> owner.world >> owner.began) || mark != kOurs)
    return std::nullopt;
  if (owner.host == "-") owner.host.clear();
  if (owner.world == "-") owner.world.clear();
  if (owner.began == "-") owner.began.clear();
  return owner;
}

std::string seconds(milliseconds age) {
  return fmt::format("{} s", std::max<long long>(0, age.count() / 1000));
}

// What is known of a lock that somebody else made.
struct Sight {
  system::Stamp stamp;
  Clock::time_point since;  // seen unchanged
};

struct Verdict {
  bool left_behind = false;
  std::string why;  // continues "FILE.lock "
};

Verdict judge(const std::string& lock, const Sight& sight, milliseconds stale_after) {
  if (!sight.stamp.regular) return {false, "is no file that a program would make as a lock"};
  const auto content = system::read_file(lock, 1024);
  const auto owner = owner_of(content.value_or(""));
  if (owner) {
    const system::Process here = system::this_process();
    if (owner->host != here.host) {
      return {false, fmt::format("is held by process {} on {}; if that has ended, remove it",
                                 owner->id, owner->host)};
    }
    if (owner->world == here.world) {
      if (!system::is_alive(*owner))
        return {true, fmt::format("was left behind by process {}, which has ended", owner->id)};
      return {false, fmt::format("is held by process {} (for {}); let that finish, or end it",
                                 owner->id, seconds(sight.stamp.age))};
    }
  }
  const bool old = sight.stamp.age >= stale_after;
  if (old && Clock::now() - sight.since >= std::min(kWatched, stale_after))
    return {true, fmt::format("is {} old, and nobody holds a lock for so long",
                              seconds(sight.stamp.age))};
  return {false, fmt::format("is there for {}, made by kubectl or the like; if none is running, "
                             "remove it",
                             seconds(sight.stamp.age))};
}

std::unexpected<Error> cannot_make(const std::string& lock, int cause) {
  const std::string folder = std::filesystem::path(lock).parent_path().string();
  if (cause == EACCES || cause == EPERM || cause == EROFS) {
    return fail(Errc::read_only,
                fmt::format("the folder {} can't be written to ({}); change its permissions, or "
                            "name another file with --kubeconfig",
                            folder, std::strerror(cause)));
  }
  return fail(Errc::not_written, fmt::format("{} can't be made: {}", lock, std::strerror(cause)));
}

}  // namespace

Lock::~Lock() {
  for (const auto& [path, stamp] : held_) system::remove_if(path, stamp);
}

Result<Lock> Lock::take(const std::vector<std::string>& files, const WriteOptions& options) {
  const auto begun = Clock::now();
  const std::string content = content_of(system::this_process());
  std::map<std::string, Sight> seen;
  bool told = false;
  for (;;) {
    std::string waits_for;
    {
      Lock lock;
      for (const std::string& file : files) {
        const std::string path = file + ".lock";
        auto made = system::create_exclusively(path, content);
        if (!made && made.error() != EEXIST) return cannot_make(path, made.error());
        if (!made) {
          const auto stamp = system::stamp_of(path);
          if (!stamp && stamp.error() != ENOENT) return cannot_make(path, stamp.error());
          if (stamp) {
            Sight& sight = seen.try_emplace(path, Sight{*stamp, Clock::now()}).first->second;
            if (!sight.stamp.same_file(*stamp)) sight.since = Clock::now();
            sight.stamp = *stamp;
            const Verdict verdict = judge(path, sight, options.stale_after);
            waits_for = path + " " + verdict.why;
            if (verdict.left_behind) {
              const system::FolderGuard guard(std::filesystem::path(path).parent_path().string());
              if (guard.held() && system::remove_if(path, *stamp)) {
                made = system::create_exclusively(path, content);
                if (made && options.say) options.say(waits_for + "; it was taken over");
              }
            }
          } else {
            waits_for = path + " was held by another process";
          }
        }
        if (!made) break;
        lock.held_.emplace_back(path, *made);
      }
      if (lock.held_.size() == files.size()) return lock;
    }
    const auto waited = Clock::now() - begun;
    if (waited >= options.patience) return fail(Errc::locked, waits_for);
    if (!told && waited >= kQuiet && options.say) {
      options.say("waiting: " + waits_for);
      told = true;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(kPoll, options.patience - waited));
  }
}

}  // namespace openunison::kube
