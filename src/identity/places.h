// SPDX-License-Identifier: Apache-2.0
//
// Places: how many may wait for something at once. A provider that doesn't answer keeps each of its
// callers for seconds; without a bound strangers could have it keep every request that the server
// has room for. Thread-safe. A place that was taken may be given back after Places is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace openunison::identity {

class Places {
 public:
  explicit Places(std::size_t most) : most_(most) {}

  // Given back when it is destroyed, also where a coroutine ends in the middle.
  class Place {
   public:
    explicit Place(std::shared_ptr<std::atomic<std::size_t>> taken) : taken_(std::move(taken)) {}
    Place(Place&& other) noexcept : taken_(std::exchange(other.taken_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (taken_) taken_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::shared_ptr<std::atomic<std::size_t>> taken_;
  };

  // nullopt: all are taken.
  std::optional<Place> take() {
    if (taken_->fetch_add(1, std::memory_order_relaxed) < most_) return Place(taken_);
    taken_->fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
  }

 private:
  const std::size_t most_;
  const std::shared_ptr<std::atomic<std::size_t>> taken_ =
      std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace openunison::identity
