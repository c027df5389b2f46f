// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/check.h"
#include "base/file.h"
#include "cli/run_program.h"

extern char** environ;

namespace openunison::cli {
namespace {

using Moment = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxInput = 4'096, kMaxOutput = 64 * 1024;
constexpr Millis kSlow{1'000};
constexpr int kLookEvery = 50;  // milliseconds

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
#if defined(__APPLE__)
    if (::pipe(ends) == 0) {
      for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
#else
    if (::pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
#endif
    read_end = ends[0];
    write_end = ends[1];
  }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    close(read_end);
    close(write_end);
  }
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  bool is_open() const { return read_end >= 0; }

  int read_end = -1, write_end = -1;
};

// The environment with `variables` in place of what it has of them.
std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool replaced = false;
    for (const auto& [name, value] : variables)
      replaced = replaced || (text.starts_with(name) && text.substr(name.size()).starts_with('='));
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str()));  // exec doesn't write to them
  pointers.push_back(nullptr);
  return pointers;
}

std::optional<pid_t> start(const ProgramRun& run, const Pipe& in, const Pipe& out,
                           const Pipe& errors) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&files, in.read_end, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.write_end, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, errors.write_end, STDERR_FILENO);
#if defined(__GLIBC__)
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
#endif
  sigset_t signals;
  sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const std::vector<std::string> environment = environment_with(run.variables);
  const std::vector<char*> arguments = pointers_to(run.command);
  const std::vector<char*> entries = pointers_to(environment);
  pid_t id = 0;
  const int failed =
      ::posix_spawnp(&id, arguments[0], &files, &attributes, arguments.data(), entries.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  return failed == 0 ? std::optional(id) : std::nullopt;
}

// Takes what is there; false at the end.
bool take(int descriptor, std::string& text) {
  char buffer[4'096];
  const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  text.append(buffer, std::min(static_cast<std::size_t>(got), kMaxOutput - text.size()));
  return true;
}

// Reads both outputs until the program has closed them; false: the deadline came first.
bool read_all(const ProgramRun& run, Pipe& out, Pipe& errors, ProgramResult& result, Moment begun) {
  bool told = false;
  while (out.is_open() || errors.is_open()) {
    const auto taken = std::chrono::steady_clock::now() - begun;
    if (taken >= run.patience) return false;
    if (!told && taken >= kSlow) {
      told = true;
      if (run.slow) run.slow();
    }
    // A negative descriptor is passed over.
    pollfd waited[] = {{out.read_end, POLLIN, 0}, {errors.read_end, POLLIN, 0}};
    if (::poll(waited, 2, kLookEvery) <= 0) continue;
    if (waited[0].revents != 0 && !take(out.read_end, result.out)) Pipe::close(out.read_end);
    if (waited[1].revents != 0 && !take(errors.read_end, result.errors))
      Pipe::close(errors.read_end);
  }
  return true;
}

// nullopt: it still runs at the deadline.
std::optional<int> wait_for(pid_t id, Moment end) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(id, &status, WNOHANG);
    if (ended == id) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return 0;  // SIGCHLD is ignored: nobody knows
    if (std::chrono::steady_clock::now() >= end) return std::nullopt;
    ::poll(nullptr, 0, 2);
  }
}

}  // namespace

ProgramResult run_program(const ProgramRun& run) {
  CHECK(run.input.size() <= kMaxInput);
  ProgramResult result;
  Pipe in, out, errors;
  if (!in.is_open() || !out.is_open() || !errors.is_open()) return result;
  const Moment begun = std::chrono::steady_clock::now();
  // Before anybody could have closed the other end, and within what a pipe holds: it neither blocks
  // nor ends this process by SIGPIPE.
  if (!run.input.empty() && ::write(in.write_end, run.input.data(), run.input.size()) < 0)
    return result;
  const std::optional<pid_t> id = start(run, in, out, errors);
  if (!id) return result;
  Pipe::close(in.read_end);
  Pipe::close(in.write_end);
  Pipe::close(out.write_end);
  Pipe::close(errors.write_end);
  const bool all_read = read_all(run, out, errors, result, begun);
  std::optional<int> status;
  if (all_read) status = wait_for(*id, begun + run.patience);
  if (!status) {
    result.kind = ProgramResult::Kind::too_slow;
    ::kill(*id, SIGKILL);
    ::waitpid(*id, nullptr, 0);
    return result;
  }
  result.kind = ProgramResult::Kind::ended;
  result.status = *status;
  return result;
}

}  // namespace openunison::cli
