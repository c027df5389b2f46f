// SPDX-License-Identifier: Apache-2.0
//
// What differs between systems and is asked of them in a line or two. One file for each:
// machine_posix.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace openunison::cli {

bool is_terminal(int descriptor);

// All of it, for as long as somebody reads; also where the descriptor was made non-blocking.
void write_all(int descriptor, std::string_view bytes);

struct TerminalSize {
  std::size_t columns = 0, rows = 0;  // 0: unknown
};
TerminalSize terminal_size(int descriptor);

// Names the time since the machine was started: monotonic times of one boot can be compared. ""
// where the system doesn't say.
std::string boot_id();

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
