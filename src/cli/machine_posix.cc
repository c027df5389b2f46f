// SPDX-License-Identifier: Apache-2.0
#include "cli/machine_posix.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/environment.h"
#include "cli/machine.h"
#include "net/error.h"

extern char** environ;

namespace openunison::cli {
namespace {

std::unexpected<Error> failed(const std::string& file, const char* step) {
  return fail(net::Errc::io, file + " can't be " + step + ": " + std::strerror(errno));
}

bool is_there(const char* file) {
  struct stat status{};
  return ::stat(file, &status) == 0;
}

bool can_run(const std::string& path) {
  struct stat status{};
  return path.find('/') != std::string::npos && ::stat(path.c_str(), &status) == 0 &&
         S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// Whether the locked file is still the one of that name.
bool is_current(int descriptor, const std::string& file) {
  struct stat locked{}, named{};
  return ::fstat(descriptor, &locked) == 0 && ::lstat(file.c_str(), &named) == 0 &&
         locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

}  // namespace

Environment Environment::read() {
  Environment environment;
  environment.system = own_system();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  environment.stdin_is_terminal = is_terminal(STDIN_FILENO);
  environment.stderr_is_terminal = is_terminal(STDERR_FILENO);
  environment.in_container = is_there("/.dockerenv") || is_there("/run/.containerenv");
  environment.kernel_of_wsl = is_kernel_of_wsl();
  environment.is_program = can_run;
  return environment;
}

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

TerminalSize terminal_size(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string program_file(std::string name) {
  return name;
}

std::optional<std::string> state_home(const Variables& variables) {
  const auto home = variables("HOME");
  if (home && home->starts_with('/')) return *home + "/.local/state";
  return std::nullopt;
}

int open_to_read(const std::string& file) {
  return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int open_without_waiting(const std::string& file) {
  return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool make_folder(const std::string& folder) {
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
}

bool only_ours(const std::string& folder) {
  struct stat made{};
  return ::stat(folder.c_str(), &made) == 0 && S_ISDIR(made.st_mode) && (made.st_mode & 0077) == 0;
}

Result<void> make_private_folder(const std::string& folder) {
  const std::filesystem::path whole = std::filesystem::path(folder).lexically_normal();
  std::filesystem::path made;
  for (const auto& part : whole) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && !is_there(made.c_str()))
      return failed(made.string(), "made");
  }
  return {};
}

Result<std::optional<FileLock>> FileLock::try_take(const std::string& file) {
  // Where the file was taken away meanwhile, another process may hold a lock on a new one.
  for (int tries = 0; tries < 8; ++tries) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return failed(file, "opened");
    FileLock lock(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
      return failed(file, "locked");
    }
    if (is_current(descriptor, file)) return std::optional<FileLock>(std::move(lock));
  }
  return std::nullopt;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace openunison::cli
