// SPDX-License-Identifier: Apache-2.0
//
// What differs between systems and is asked of them in a line or two: machine_posix.cc, with what
// Linux and macOS differ in beside it (machine_linux.cc, machine_macos.cc), and machine_windows.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/write_all.h"

namespace openunison::cli {

bool is_terminal(int descriptor);

using openunison::write_all;

struct TerminalSize {
  std::size_t columns = 0, rows = 0;  // 0: unknown
};
TerminalSize terminal_size(int descriptor);

// Names the time since the machine was started: monotonic times of one boot can be compared. ""
// where the system doesn't say.
std::string boot_id();

// The file that this program was started from, absolute. Error: state.
Result<std::string> own_file();
// What a program of that name is called as a file.
std::string program_file(std::string name);

// The value of an environment variable, or none.
using Variables = std::function<std::optional<std::string>(const char* name)>;
// Where programs keep what they know of a person's use of them, where XDG_STATE_HOME doesn't say;
// nullopt: no variable tells.
std::optional<std::string> state_home(const Variables& variables);

// For reading, no link followed, not inherited by programs that are started; -1, and errno.
int open_to_read(const std::string& file);
// The same with links followed, of something that may be no file: nothing is waited for.
int open_without_waiting(const std::string& file);
// False, and errno: it is neither made, 0700, nor there.
bool make_folder(const std::string& folder);
// It is a folder that nobody but this person (and who administers the machine) may look into.
bool only_ours(const std::string& folder);

// The folder and those above it, made with mode 0700 where they are missing. Error: net::Errc::io.
Result<void> make_private_folder(const std::string& folder);

// A lock between processes on a file that is made, 0600, and stays. It goes with the process,
// however that ends, and isn't inherited by programs that are started.
class FileLock {
 public:
  // nullopt: another process, or another lock of this one, holds it. Never waits. Error:
  // net::Errc::io.
  static Result<std::optional<FileLock>> try_take(const std::string& file);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace openunison::cli
