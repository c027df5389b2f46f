// SPDX-License-Identifier: Apache-2.0
//
// Text from and to the system is UTF-8 by the manifest (cmake/windows/utf8.manifest). What a person
// keeps under %LOCALAPPDATA% only that person and administrators may read: that takes the place of
// modes.
#include <windows.h>
// After it.
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/environment.h"
#include "cli/error.h"
#include "cli/machine.h"
#include "net/error.h"

namespace openunison::cli {
namespace {

constexpr DWORD kMaxPath = 32 * 1024;

HANDLE handle_of(int descriptor) {
  return reinterpret_cast<HANDLE>(::_get_osfhandle(descriptor));
}

bool can_run(const std::string& path) {
  const DWORD attributes = ::GetFileAttributesA(path.c_str());
  return path.find_first_of("/\\") != std::string::npos && attributes != INVALID_FILE_ATTRIBUTES &&
         (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

// A console shows colours and UTF-8 where it is told to, and output is the same bytes as elsewhere.
void prepare_output() {
  ::_setmode(1, _O_BINARY);
  ::_setmode(2, _O_BINARY);
  DWORD mode = 0;
  if (::GetConsoleMode(handle_of(2), &mode) == 0) return;
  ::SetConsoleOutputCP(CP_UTF8);
  ::SetConsoleMode(handle_of(2), mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

// Counted by the system at each start; not on every machine.
std::optional<DWORD> number_of_boot() {
  DWORD number = 0, size = sizeof number;
  const LSTATUS status =
      ::RegGetValueA(HKEY_LOCAL_MACHINE,
                     "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\"
                     "PrefetchParameters",
                     "BootId", RRF_RT_REG_DWORD, nullptr, &number, &size);
  if (status != ERROR_SUCCESS) return std::nullopt;
  return number;
}

}  // namespace

Environment Environment::read() {
  prepare_output();
  Environment environment;
  environment.system = System::windows;
  for (char** entry = _environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    // Their case doesn't count: "Path" is PATH.
    std::string name(text.substr(0, equals));
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    environment.variables.emplace(std::move(name), text.substr(equals + 1));
  }
  environment.stdin_is_terminal = is_terminal(0);
  environment.stderr_is_terminal = is_terminal(2);
  environment.is_program = can_run;
  return environment;
}

bool is_terminal(int descriptor) {
  DWORD mode = 0;
  return ::GetConsoleMode(handle_of(descriptor), &mode) != 0;
}

TerminalSize terminal_size(int descriptor) {
  CONSOLE_SCREEN_BUFFER_INFO screen{};
  if (::GetConsoleScreenBufferInfo(handle_of(descriptor), &screen) == 0) return {};
  return {static_cast<std::size_t>(screen.srWindow.Right - screen.srWindow.Left + 1),
          static_cast<std::size_t>(screen.srWindow.Bottom - screen.srWindow.Top + 1)};
}

std::string boot_id() {
  if (const auto number = number_of_boot()) return "boot " + std::to_string(*number);
  // When it started, to the nearest ten seconds; where somebody sets the clock that is another
  // boot, which costs a refresh.
  FILETIME now{};
  ::GetSystemTimeAsFileTime(&now);
  const ULONGLONG ticks = static_cast<ULONGLONG>(now.dwHighDateTime) << 32 | now.dwLowDateTime;
  return "start " + std::to_string((ticks / 10'000 - ::GetTickCount64() + 5'000) / 10'000);
}

Result<std::string> own_file() {
  std::string name(kMaxPath, '\0');
  const DWORD length = ::GetModuleFileNameA(nullptr, name.data(), kMaxPath);
  if (length == 0 || length == kMaxPath)
    return fail(Errc::state, "this program can't find its own file");
  name.resize(length);
  return name;
}

std::string program_file(std::string name) {
  return std::move(name) + ".exe";
}

std::optional<std::string> state_home(const Variables& variables) {
  const auto local = variables("LOCALAPPDATA");
  if (local && std::filesystem::path(*local).is_absolute()) return local;
  return std::nullopt;
}

int open_to_read(const std::string& file) {
  return ::_open(file.c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT);
}

int open_without_waiting(const std::string& file) {
  return open_to_read(file);
}

bool make_folder(const std::string& folder) {
  return ::CreateDirectoryA(folder.c_str(), nullptr) != 0 ||
         ::GetLastError() == ERROR_ALREADY_EXISTS;
}

bool only_ours(const std::string& folder) {
  return std::filesystem::is_directory(folder);
}

Result<void> make_private_folder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return fail(net::Errc::io, folder + " can't be made: " + failed.message());
  return {};
}

Result<std::optional<FileLock>> FileLock::try_take(const std::string& file) {
  const int descriptor =
      ::_open(file.c_str(), _O_RDWR | _O_CREAT | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
  if (descriptor < 0)
    return fail(net::Errc::io, file + " can't be opened: " + std::strerror(errno));
  FileLock lock(descriptor);
  OVERLAPPED at_its_beginning{};
  if (::LockFileEx(handle_of(descriptor), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1,
                   0, &at_its_beginning) != 0)
    return std::optional<FileLock>(std::move(lock));
  if (::GetLastError() == ERROR_LOCK_VIOLATION || ::GetLastError() == ERROR_IO_PENDING)
    return std::nullopt;
  return fail(net::Errc::io, file + " can't be locked");
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::_close(descriptor_);
}

}  // namespace openunison::cli
