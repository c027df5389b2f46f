// SPDX-License-Identifier: Apache-2.0
//
// Cached<T>: something of the provider's that is fetched at first use, kept, and fetched again when
// it has aged. One fetch at a time, whatever the number of callers and threads: the first caller
// fetches, the others wait for it. A failed fetch is not repeated before a back-off has passed;
// while there is an older value, that one serves. Values are immutable and shared. Thread-safe;
// outlives its calls.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "net/runtime.h"

namespace openunison::identity {

template <class T>
class Cached {
 public:
  using Pointer = std::shared_ptr<const T>;
  using Load = std::function<Task<Result<T>>(net::Deadline)>;

  struct Policy {
    Millis fresh_for{3'600'000};
    Millis first_back_off{1'000};
    Millis longest_back_off{10'000};  // somebody may be waiting in front of the screen
  };

  Cached(Load load, Policy policy, const Clock* clock)
      : load_(std::move(load)), policy_(policy), clock_(clock) {}

  // The value, fetched or refreshed if need be. Errors: load's; Errc::timed_out of net if another
  // caller's fetch takes longer than `deadline`.
  Task<Result<Pointer>> get(net::Deadline deadline) { return newer(nullptr, Millis(0), deadline); }

  // A value other than `known`, or not older than `max_age` where that is given (zero: fresh_for):
  // the one that is there by now, else fetched. What is there if fetching fails or is held back.
  Task<Result<Pointer>> newer(Pointer known, Millis max_age, net::Deadline deadline) {
    std::shared_ptr<net::Completion> flight;
    bool starts = false;
    {
      const std::lock_guard lock(shared_->mutex);
      const MonoTime now = clock_->mono();
      const Millis limit = max_age > Millis(0) ? max_age : policy_.fresh_for;
      if (value_ && value_ != known && now - loaded_at_ < limit) co_return value_;
      if (shared_->flight == nullptr) {
        if (now < not_before_) co_return held_back();
        shared_->flight = std::make_shared<net::Completion>();
        starts = true;
      }
      flight = shared_->flight;
    }
    if (!starts) {
      const bool over = co_await flight->wait(deadline);
      co_return after_waiting(over);
    }
    Landing landing(*this, flight);
    Result<T> loaded = co_await load_(deadline);
    co_return landing.land(std::move(loaded));
  }

  Pointer known() const {
    const std::lock_guard lock(shared_->mutex);
    return value_;
  }
  // Why the last fetch failed; nullopt if it didn't.
  std::optional<Error> problem() const {
    const std::lock_guard lock(shared_->mutex);
    return problem_;
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::shared_ptr<net::Completion> flight;  // the fetch that runs
  };
  // Ends the flight also when the coroutine is destroyed in the middle of it.
  class Landing {
   public:
    Landing(Cached& owner, std::shared_ptr<net::Completion> flight)
        : owner_(owner), shared_(owner.shared_), flight_(std::move(flight)) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    ~Landing() { finish(); }
    Result<Pointer> land(Result<T> loaded) {
      Result<Pointer> result = owner_.keep(std::move(loaded));
      finish();
      return result;
    }

   private:
    void finish() {
      if (!flight_) return;
      {
        const std::lock_guard lock(shared_->mutex);
        shared_->flight = nullptr;
      }
      flight_->complete();
      flight_ = nullptr;
    }
    Cached& owner_;  // gone where the coroutine is destroyed with the runtime
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<net::Completion> flight_;
  };

  Result<Pointer> keep(Result<T> loaded) {
    const std::lock_guard lock(shared_->mutex);
    const MonoTime now = clock_->mono();
    if (loaded) {
      value_ = std::make_shared<const T>(std::move(*loaded));
      loaded_at_ = now;
      failures_ = 0;
      problem_.reset();
      return value_;
    }
    const unsigned doublings = std::min(failures_++, 16u);
    not_before_ =
        now + std::min(policy_.first_back_off * (1u << doublings), policy_.longest_back_off);
    problem_ = loaded.error();
    return held_back();
  }

  Result<Pointer> held_back() const {
    if (value_) return value_;
    return std::unexpected(*problem_);
  }

  Result<Pointer> after_waiting(bool over) const {
    const std::lock_guard lock(shared_->mutex);
    if (value_) return value_;
    if (over && problem_) return std::unexpected(*problem_);
    return fail(net::Errc::timed_out, "the identity provider didn't answer in time");
  }

  const Load load_;
  const Policy policy_;
  const Clock* clock_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Pointer value_;
  MonoTime loaded_at_{}, not_before_{};
  unsigned failures_ = 0;
  std::optional<Error> problem_;
};

}  // namespace openunison::identity
