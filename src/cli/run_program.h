// SPDX-License-Identifier: Apache-2.0
//
// Runs a program to its end, or to a deadline: found by PATH, without a shell, with what it is told
// on its standard input and nothing of ours open besides. For small helpers of the desktop. What
// differs between systems is in run_program_posix.cc. Blocks. Private to cli/.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace openunison::cli {

struct ProgramResult {
  enum class Kind { ended, missing, too_slow };
  Kind kind = Kind::missing;
  int status = 0;  // of `ended`: its exit status, or 128 and the number of the signal
  std::string out, errors;

  bool succeeded() const { return kind == Kind::ended && status == 0; }
};

struct ProgramRun {
  std::vector<std::string> command;  // not empty
  // What must not stand in the command; at most 4096 bytes, which any pipe takes at once.
  std::string_view input = {};
  // Set for it, besides what this process has.
  std::vector<std::pair<std::string, std::string>> variables = {};
  Millis patience{5'000};  // then it is killed
  // Called once, when it has run for a second.
  std::function<void()> slow = {};
};

// 64 KiB of each output are kept, the rest is passed over.
ProgramResult run_program(const ProgramRun& run);

}  // namespace openunison::cli
