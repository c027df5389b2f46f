// SPDX-License-Identifier: Apache-2.0
//
// Starts a program that outlives us: in a session of its own, with nothing of ours (no standard
// input, output or error, no open file, no blocked or ignored signal), found by PATH, without a
// shell. What differs between systems is here: browser_posix.cc. Private to cli/.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace openunison::cli {

class StartedProgram {
 public:
  // nullopt: there is no such program, or it can't be run. `command` isn't empty.
  static std::optional<StartedProgram> start(const std::vector<std::string>& command);

  // How it ended: its exit status, or 128 and the number of the signal that ended it; nullopt while
  // it runs.
  std::optional<int> exit_status();

 private:
  explicit StartedProgram(long id) : id_(id) {}
  long id_;
  std::optional<int> status_ = {};
};

}  // namespace openunison::cli
