// SPDX-License-Identifier: Apache-2.0
#include "net/signal.h"

#include "net/asio.h"

namespace openunison::net {

// A timer that notify() ends early; on the list while it waits, also when the coroutine is
// destroyed in the middle.
struct Signal::Waiter {
  Signal& signal;
  Timer timer;
  Waiter(Signal& s, const Executor& executor, Deadline deadline)
      : signal(s), timer(executor, deadline) {
    signal.waiters_.push_back(this);
  }
  Waiter(const Waiter&) = delete;
  ~Waiter() { std::erase(signal.waiters_, this); }
};

Task<bool> Signal::wait(Deadline deadline) {
  const Executor executor = co_await asio::this_coro::executor;
  Waiter waiter(*this, executor, deadline);
  const auto [error] = co_await waiter.timer.async_wait(kAwaitTuple);
  co_return static_cast<bool>(error);
}

void Signal::notify() {
  for (Waiter* waiter : waiters_) waiter->timer.cancel();
}

}  // namespace openunison::net
