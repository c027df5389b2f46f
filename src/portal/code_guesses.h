// SPDX-License-Identifier: Apache-2.0
//
// CodeGuesses: how often somebody typed a device's code that isn't there. Ten in ten minutes, then
// none until the first of them is ten minutes old: nobody mistypes that often, and who guesses gets
// nowhere. By account, since only people who are signed in may type codes. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace openunison::portal {

inline constexpr int kMaxCodeGuesses = 10;
inline constexpr Seconds kCodeGuessWindow{600};

class CodeGuesses {
 public:
  // For how long this account must wait before it may type another one; 0: not at all.
  Millis wait_of(const std::string& account, MonoTime now);
  void wrong(const std::string& account, MonoTime now);
  // How many accounts something is remembered of.
  std::size_t accounts();

 private:
  struct Count {
    int wrong = 0;
    MonoTime since;
  };
  void forget_old(MonoTime now);

  std::mutex mutex_;
  std::unordered_map<std::string, Count> counts_;
};

}  // namespace openunison::portal
