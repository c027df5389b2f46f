// SPDX-License-Identifier: Apache-2.0
//
// Modes and owners are left to the folder, whose access control new files take over.
#include <windows.h>
// After it.
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "kube/system.h"

namespace openunison::kube::system {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;

class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  Handle(const Handle&) = delete;
  ~Handle() {
    if (*this) ::CloseHandle(handle_);
  }
  explicit operator bool() const { return handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr; }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

int cause() {
  switch (::GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
      return ENOENT;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
      return EEXIST;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_WRITE_PROTECT:
      return EACCES;
    case ERROR_DISK_FULL:
      return ENOSPC;
    default:
      return EIO;
  }
}

unsigned long long joined(DWORD high, DWORD low) {
  return static_cast<unsigned long long>(high) << 32 | low;
}

// In units of 100 nanoseconds, since 1601.
unsigned long long units(const FILETIME& time) {
  return joined(time.dwHighDateTime, time.dwLowDateTime);
}

std::expected<Stamp, int> stamp(HANDLE file) {
  BY_HANDLE_FILE_INFORMATION found{};
  if (::GetFileInformationByHandle(file, &found) == 0) return std::unexpected(cause());
  FILETIME now{};
  ::GetSystemTimeAsFileTime(&now);
  Stamp made;
  made.device = found.dwVolumeSerialNumber;
  made.file = joined(found.nFileIndexHigh, found.nFileIndexLow);
  made.changed = static_cast<long long>(units(found.ftLastWriteTime));
  made.age =
      std::chrono::milliseconds((static_cast<long long>(units(now)) - made.changed) / 10'000);
  made.regular =
      (found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
  return made;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// When the process began; empty where that isn't told.
std::string began(HANDLE process) {
  FILETIME made{}, ended{}, kernel{}, user{};
  if (::GetProcessTimes(process, &made, &ended, &kernel, &user) == 0) return "";
  return std::to_string(units(made));
}

BOOL WINAPI hold(DWORD) {
  return TRUE;
}

}  // namespace

const char kListSeparator = ';';
const std::string_view kPathSeparators = "/\\";

// As client-go: the one of these that has a kubeconfig already, else the first that is there.
std::string home_folder() {
  const std::string folders[] = {environment("HOME"),
                                 environment("HOMEDRIVE") + environment("HOMEPATH"),
                                 environment("USERPROFILE")};
  std::error_code failed;
  for (const std::string& folder : folders) {
    if (!folder.empty() && fs::exists(fs::path(folder) / ".kube" / "config", failed)) return folder;
  }
  for (const std::string& folder : {folders[0], folders[2], folders[1]}) {
    if (!folder.empty() && fs::is_directory(folder, failed)) return folder;
  }
  return "";
}

std::expected<std::string, int> follow_links(const std::string& path) {
  fs::path current = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    std::error_code failed;
    if (fs::symlink_status(current, failed).type() != fs::file_type::symlink)
      return one_spelling(current.string());
    const fs::path to = fs::read_symlink(current, failed);
    if (failed) return std::unexpected(EIO);
    current = to.is_absolute() ? to : current.parent_path() / to;
  }
  return std::unexpected(ELOOP);
}

std::expected<std::string, int> one_spelling(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return std::unexpected(EIO);
  const fs::path folder = fs::weakly_canonical(absolute.parent_path(), error);
  if (error) return std::unexpected(EIO);
  return (folder / absolute.filename()).string();
}

std::expected<void, FileFailure> make_folders(const std::string& folder) {
  std::error_code failed;
  if (!folder.empty()) fs::create_directories(folder, failed);
  if (failed) return std::unexpected(FileFailure{folder, "made", EACCES});
  return {};
}

std::expected<FileKind, int> kind_of(const std::string& path) {
  std::error_code failed;
  switch (fs::status(path, failed).type()) {
    case fs::file_type::not_found:
      return FileKind::missing;
    case fs::file_type::none:
      return std::unexpected(EACCES);
    case fs::file_type::regular:
      return FileKind::regular;
    case fs::file_type::directory:
      return FileKind::folder;
    default:
      return FileKind::other;
  }
}

bool write_protected(const std::string& path) {
  const DWORD attributes = ::GetFileAttributesA(path.c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_READONLY) != 0;
}

bool open_to_others(const std::string&) {
  return false;
}

std::expected<std::string, int> read_file(const std::string& path, std::size_t limit) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) return std::unexpected(EISDIR);
  const Handle file(::CreateFileA(path.c_str(), GENERIC_READ,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) return std::unexpected(cause());
  std::string content;
  char part[16 * 1024];
  while (content.size() < limit) {
    DWORD got = 0;
    const auto wanted = static_cast<DWORD>(std::min(sizeof part, limit - content.size()));
    if (::ReadFile(file.get(), part, wanted, &got, nullptr) == 0) return std::unexpected(cause());
    if (got == 0) break;
    content.append(part, got);
  }
  return content;
}

std::expected<Stamp, int> stamp_of(const std::string& path) {
  const Handle file(::CreateFileA(
      path.c_str(), FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
      nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file) return std::unexpected(cause());
  return stamp(file.get());
}

std::expected<Stamp, int> create_exclusively(const std::string& path, std::string_view content) {
  const Handle file(::CreateFileA(path.c_str(), GENERIC_WRITE,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) {
    // What is being removed while somebody looks at it answers so: it is there, for a moment.
    const int why = cause();
    std::error_code failed;
    return std::unexpected(why == EACCES && fs::exists(path, failed) ? EEXIST : why);
  }
  DWORD written = 0;
  // A full disk doesn't keep anybody from a lock: then it says nothing about its owner.
  ::WriteFile(file.get(), content.data(), static_cast<DWORD>(content.size()), &written, nullptr);
  // The time of writing is only settled then.
  ::FlushFileBuffers(file.get());
  return stamp(file.get());
}

bool remove_if(const std::string& path, const Stamp& expected) {
  const auto there = stamp_of(path);
  if (!there) return there.error() == ENOENT;
  return there->same_file(expected) && ::DeleteFileA(path.c_str()) != 0;
}

// Folders can't be locked there: a file in it, which goes when it is closed, however that happens.
FolderGuard::FolderGuard(const std::string& folder)
    : descriptor_([&] {
        const HANDLE file = ::CreateFileA(
            (folder + "\\.kubectl-oulogin-guard").c_str(), GENERIC_WRITE | DELETE, 0, nullptr,
            OPEN_ALWAYS, FILE_ATTRIBUTE_HIDDEN | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
        return file == INVALID_HANDLE_VALUE
                   ? -1
                   : ::_open_osfhandle(reinterpret_cast<std::intptr_t>(file), _O_RDWR);
      }()) {
  held_ = static_cast<bool>(descriptor_);
}

// They aren't kept for later there: a Ctrl-C of that moment is lost.
SignalsHeld::SignalsHeld() : before_(nullptr) {
  ::SetConsoleCtrlHandler(hold, TRUE);
}

SignalsHeld::~SignalsHeld() {
  ::SetConsoleCtrlHandler(hold, FALSE);
}

Process this_process() {
  Process process;
  process.id = static_cast<long>(::GetCurrentProcessId());
  char host[MAX_COMPUTERNAME_LENGTH + 1] = {};
  DWORD size = sizeof host;
  if (::GetComputerNameA(host, &size) != 0) process.host = host;
  // A process of its Linux is another one of the same number, and isn't seen from here.
  process.world = "windows";
  process.began = began(::GetCurrentProcess());
  return process;
}

bool is_alive(const Process& process) {
  if (process.id <= 0) return false;
  const Handle other(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE,
                                   static_cast<DWORD>(process.id)));
  if (!other) return ::GetLastError() != ERROR_INVALID_PARAMETER;
  if (::WaitForSingleObject(other.get(), 0) == WAIT_OBJECT_0) return false;
  const std::string now = began(other.get());
  return now.empty() || process.began.empty() || now == process.began;
}

}  // namespace openunison::kube::system
