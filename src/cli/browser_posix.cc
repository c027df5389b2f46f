// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/start_program.h"

extern char** environ;

namespace openunison::cli {
namespace {

// posix_spawn's two sets of wishes, freed at the end.
class Wishes {
 public:
  Wishes() {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::posix_spawn_file_actions_addopen(&files_, descriptor, "/dev/null", O_RDWR, 0);
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    // What our own caller left open would be held for as long as the browser runs, and whoever
    // waits for the end of such a pipe would wait as long.
#if defined(__APPLE__)
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC__)
    ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
#endif
    ::posix_spawnattr_setflags(&attributes_, flags);
    sigset_t signals;
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
  }
  Wishes(const Wishes&) = delete;
  ~Wishes() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

std::optional<StartedProgram> StartedProgram::start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));  // exec doesn't write to them
  arguments.push_back(nullptr);
  const Wishes wishes;
  pid_t id = 0;
  if (::posix_spawnp(&id, arguments[0], wishes.files(), wishes.attributes(), arguments.data(),
                     environ) != 0)
    return std::nullopt;
  return StartedProgram(id);
}

std::optional<int> StartedProgram::exit_status() {
  if (status_) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(static_cast<pid_t>(id_), &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  if (ended < 0) {
    status_ = 0;  // somebody else has waited for it (SIGCHLD is ignored): it did start
  } else {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return status_;
}

}  // namespace openunison::cli
