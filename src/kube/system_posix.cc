// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "kube/system.h"

namespace openunison::kube::system {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as Linux

std::unexpected<int> failed() {
  return std::unexpected(errno);
}

std::expected<std::string, int> read_all(int descriptor, std::size_t limit) {
  std::string content;
  char part[16 * 1024];
  while (content.size() < limit) {
    const ssize_t got = ::read(descriptor, part, std::min(sizeof part, limit - content.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    content.append(part, static_cast<std::size_t>(got));
  }
  return content;
}

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Stamp stamp(const struct stat& status) {
#ifdef __APPLE__
  const timespec &changed = status.st_ctimespec, &written = status.st_mtimespec;
#else
  const timespec &changed = status.st_ctim, &written = status.st_mtim;
#endif
  Stamp made;
  made.device = static_cast<unsigned long long>(status.st_dev);
  made.file = static_cast<unsigned long long>(status.st_ino);
  made.changed = since_epoch(changed).count();
  made.age = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch() - since_epoch(written));
  made.regular = S_ISREG(status.st_mode);
  return made;
}

sigset_t those_that_end() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&set, signal);
  return set;
}

// When the process began, of this boot of the machine (proc(5), field 22 of stat); empty where
// there is no /proc.
std::string began(long id) {
  const auto boot = read_file("/proc/sys/kernel/random/boot_id", 36);
  const auto status = read_file("/proc/" + std::to_string(id) + "/stat", 4096);
  if (!boot || !status) return "";
  // The name of the program stands in brackets, and may have spaces and brackets itself.
  std::size_t at = status->rfind(')');
  if (at == std::string::npos) return "";
  for (int field = 2; field < 22 && at != std::string::npos; ++field)
    at = status->find(' ', at + 1);
  if (at == std::string::npos) return "";
  return *boot + "/" + status->substr(at + 1, status->find(' ', at + 1) - at - 1);
}

}  // namespace

const char kListSeparator = ':';
const std::string_view kPathSeparators = "/";

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home ? home : "";
}

std::expected<std::string, int> follow_links(const std::string& path) {
  std::string current = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(current.c_str(), target, sizeof target);
    if (length < 0) {
      if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) return one_spelling(current);
      return failed();
    }
    const std::string to(target, static_cast<std::size_t>(length));
    current = to.starts_with('/') ? to : (fs::path(current).parent_path() / to).string();
  }
  return std::unexpected(ELOOP);
}

std::expected<std::string, int> one_spelling(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return std::unexpected(error.value());
  const fs::path folder = fs::weakly_canonical(absolute.parent_path(), error);
  if (error) return std::unexpected(error.value());
  return (folder / absolute.filename()).string();
}

std::expected<void, FileFailure> make_folders(const std::string& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return {};
  const std::string above = fs::path(folder).parent_path().string();
  if (above != folder) {
    if (auto made = make_folders(above); !made) return made;
  }
  if (::mkdir(folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return std::unexpected(FileFailure{folder, "made", errno});
  }
  struct stat owner{};
  if (::geteuid() == 0 && ::stat(above.c_str(), &owner) == 0 &&
      ::lchown(folder.c_str(), owner.st_uid, owner.st_gid) != 0)
    return std::unexpected(FileFailure{folder, "given to its owner", errno});
  return {};
}

std::expected<FileKind, int> kind_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return FileKind::missing;
    return failed();
  }
  return S_ISREG(status.st_mode)   ? FileKind::regular
         : S_ISDIR(status.st_mode) ? FileKind::folder
                                   : FileKind::other;
}

bool write_protected(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return false;
  // What root may nevertheless, it shouldn't.
  return (status.st_mode & 0222) == 0 || ::access(path.c_str(), W_OK) != 0;
}

bool open_to_others(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0;
}

std::expected<std::string, int> read_file(const std::string& path, std::size_t limit) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return failed();
  return read_all(file.get(), limit);
}

std::expected<Stamp, int> stamp_of(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return failed();
  return stamp(status);
}

std::expected<Stamp, int> create_exclusively(const std::string& path, std::string_view content) {
#ifdef O_TMPFILE
  // With its content before it has its name: who is killed in between leaves nothing behind.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const FileDescriptor nameless(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (nameless && ::write(nameless.get(), content.data(), content.size()) ==
                      static_cast<ssize_t>(content.size())) {
    const std::string self = "/proc/self/fd/" + std::to_string(nameless.get());
    struct stat made{};
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      if (::fstat(nameless.get(), &made) != 0) return failed();
      return stamp(made);
    }
    if (errno == EEXIST) return failed();
  }
#endif
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed();
  // A full disk doesn't keep anybody from a lock: then it says nothing about its owner.
  [[maybe_unused]] const ssize_t written = ::write(file.get(), content.data(), content.size());
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return failed();
  return stamp(status);
}

bool remove_if(const std::string& path, const Stamp& expected) {
  const auto there = stamp_of(path);
  if (!there) return there.error() == ENOENT;
  return there->same_file(expected) && ::unlink(path.c_str()) == 0;
}

FolderGuard::FolderGuard(const std::string& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  held_ = descriptor_ && ::flock(descriptor_.get(), LOCK_EX | LOCK_NB) == 0;
}

SignalsHeld::SignalsHeld() : before_(new sigset_t) {
  const sigset_t set = those_that_end();
  ::pthread_sigmask(SIG_BLOCK, &set, static_cast<sigset_t*>(before_));
}

SignalsHeld::~SignalsHeld() {
  ::pthread_sigmask(SIG_SETMASK, static_cast<sigset_t*>(before_), nullptr);
  delete static_cast<sigset_t*>(before_);
}

Process this_process() {
  Process process;
  process.id = static_cast<long>(::getpid());
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0) process.host = host;
  char world[64] = {};
  if (::readlink("/proc/self/ns/pid", world, sizeof world - 1) > 0) process.world = world;
  process.began = began(process.id);
  return process;
}

bool is_alive(const Process& process) {
  if (process.id <= 0) return false;
  if (::kill(static_cast<pid_t>(process.id), 0) != 0 && errno == ESRCH) return false;
  // Of another user's process /proc may not tell.
  const std::string now = began(process.id);
  return now.empty() || process.began.empty() || now == process.began;
}

}  // namespace openunison::kube::system
