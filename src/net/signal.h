// SPDX-License-Identifier: Apache-2.0
//
// Signal: coroutines of one thread wait until another of that thread says that something changed.
// Unlike Completion it isn't thread-safe, remembers nothing and can come many times: look at the
// condition, wait, look again.
#pragma once

#include <vector>

#include "net/task.h"

namespace openunison::net {

class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  // Whoever still waits is destroyed with the runtime, or keeps the signal alive.
  ~Signal() = default;

  // False if the deadline passed before notify() came.
  Task<bool> wait(Deadline deadline);
  void notify();

 private:
  struct Waiter;
  std::vector<Waiter*> waiters_;
};

}  // namespace openunison::net
