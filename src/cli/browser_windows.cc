// SPDX-License-Identifier: Apache-2.0
//
// A program is looked for in the system's folder and on PATH, never in the folder that we happen to
// be in, and must be an .exe: for a batch file Windows starts a shell, which would read more into
// an address than an address.
#include <windows.h>

#include "cli/start_program.h"

namespace openunison::cli {
namespace {

constexpr DWORD kMaxPath = 32 * 1024;

std::string found(const char* folders, const std::string& name) {
  std::string path(kMaxPath, '\0');
  const DWORD length = ::SearchPathA(folders, name.c_str(), ".exe", kMaxPath, path.data(), nullptr);
  path.resize(length < kMaxPath ? length : 0);
  return path;
}

std::string find_program(const std::string& name) {
  if (name.find_first_of("/\\:") != std::string::npos) return name;
  std::string folders(kMaxPath, '\0');
  folders.resize(::GetSystemDirectoryA(folders.data(), kMaxPath));
  if (std::string there = found(folders.c_str(), name); !there.empty()) return there;
  folders.assign(kMaxPath, '\0');
  folders.resize(::GetEnvironmentVariableA("PATH", folders.data(), kMaxPath));
  return folders.empty() ? std::string() : found(folders.c_str(), name);
}

bool is_exe(std::string_view path) {
  if (path.size() < 4) return false;
  return ::CompareStringA(LOCALE_INVARIANT, NORM_IGNORECASE, path.data() + path.size() - 4, 4,
                          ".exe", 4) == CSTR_EQUAL;
}

// As CommandLineToArgvW takes it apart again: backslashes count only before a quote.
void append_quoted(std::string& line, const std::string& argument) {
  if (!line.empty()) line += ' ';
  line += '"';
  std::size_t backslashes = 0;
  for (const char c : argument) {
    if (c == '"') line.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    line += c;
  }
  line.append(backslashes, '\\');
  line += '"';
}

}  // namespace

std::optional<StartedProgram> StartedProgram::start(const std::vector<std::string>& command) {
  const std::string program = find_program(command[0]);
  if (!is_exe(program)) return std::nullopt;
  std::string line;
  for (const std::string& argument : command) append_quoted(line, argument);
  STARTUPINFOA how{};
  how.cb = sizeof how;
  PROCESS_INFORMATION started{};
  if (::CreateProcessA(program.c_str(), line.data(), nullptr, nullptr, FALSE,
                       DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP, nullptr, nullptr, &how,
                       &started) == 0)
    return std::nullopt;
  ::CloseHandle(started.hThread);
  // Kept open: the number could be another program's otherwise.
  return StartedProgram(static_cast<long>(reinterpret_cast<std::intptr_t>(started.hProcess)));
}

std::optional<int> StartedProgram::exit_status() {
  if (status_) return status_;
  const auto process = reinterpret_cast<HANDLE>(static_cast<std::intptr_t>(id_));
  DWORD code = 0;
  if (::WaitForSingleObject(process, 0) != WAIT_OBJECT_0) return std::nullopt;
  ::GetExitCodeProcess(process, &code);
  ::CloseHandle(process);
  status_ = static_cast<int>(code);
  return status_;
}

}  // namespace openunison::cli
