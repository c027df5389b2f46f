// SPDX-License-Identifier: Apache-2.0
//
// Latencies as HdrHistogram keeps them: 64 linear steps in every power of two of nanoseconds, so
// that a percentile is at most 1.6 % too high. One thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace openunison::bench {

class Histogram {
 public:
  void add(std::uint64_t nanoseconds) {
    ++counts_[index(nanoseconds)];
    ++total_;
    largest_ = std::max(largest_, nanoseconds);
  }
  std::uint64_t total() const { return total_; }
  std::uint64_t largest() const { return largest_; }

  // The upper end of the step that holds the given share of all values; 0 where there is none.
  std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(upper_end(i), largest_);
    }
    return largest_;
  }

 private:
  static constexpr unsigned kStepBits = 6;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;

  static std::size_t index(std::uint64_t value) {
    if (value < kSteps) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kStepBits - 1;
    return (shift + 1) * kSteps + static_cast<std::size_t>((value >> shift) - kSteps);
  }
  static std::uint64_t upper_end(std::size_t index) {
    if (index < kSteps) return index;
    const std::size_t shift = index / kSteps - 1;
    return ((kSteps + index % kSteps + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - kStepBits + 1) * kSteps);
  std::uint64_t total_ = 0, largest_ = 0;
};

}  // namespace openunison::bench
