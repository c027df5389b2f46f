// SPDX-License-Identifier: Apache-2.0
//
// Two sets of durations, taken in turns in an order of chance, and whether they differ: Welch's t
// over samples without their slowest tenth, as in dudect (Reparaz, Balasch, Verbauwhede: "Dude, is
// my code constant time?", 2017), beside the ratio of the medians. t alone finds differences that
// nobody could measure over a network; the ratio alone is at the mercy of chance. The time is the
// processor's, of the whole process: what other programs of the machine do hides nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <ctime>
#include <random>
#include <vector>

namespace openunison::bench {

struct Comparison {
  double median_a, median_b;  // nanoseconds a call
  double ratio;               // of b's median to a's
  double t;
  std::size_t samples;  // of each
  // Both limits: 10 is dudect's for "surely", a twentieth of one look-up is far below what a
  // network's jitter leaves.
  bool differs() const { return std::abs(t) > 10 && std::abs(ratio - 1) > 0.05; }
};

namespace detail {
inline double processor_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}
struct Moments {
  double mean, variance, count;
};
inline Moments moments(const std::vector<double>& values, double cut) {
  double sum = 0, squares = 0, count = 0;
  for (const double value : values) {
    if (value > cut) continue;
    sum += value;
    squares += value * value;
    ++count;
  }
  const double mean = sum / count;
  return {mean, (squares - sum * mean) / (count - 1), count};
}
}  // namespace detail

// Calls `a(n)` and `b(n)`, n the number of the call, `batch` times a sample.
template <class A, class B>
Comparison compare(A a, B b, std::size_t samples, std::size_t batch) {
  std::mt19937 chance(20'261'125);
  std::vector<char> order;
  order.insert(order.end(), samples, 0);
  order.insert(order.end(), samples, 1);
  std::shuffle(order.begin(), order.end(), chance);
  std::vector<double> times[2];
  std::size_t n = 0;
  for (const char which : order) {
    const double start = detail::processor_nanoseconds();
    for (std::size_t i = 0; i < batch; ++i) which == 0 ? a(n++) : b(n++);
    const double took = detail::processor_nanoseconds() - start;
    times[static_cast<std::size_t>(which)].push_back(took / static_cast<double>(batch));
  }
  std::vector<double> all = times[0];
  all.insert(all.end(), times[1].begin(), times[1].end());
  const auto tenth = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 9 / 10);
  std::nth_element(all.begin(), tenth, all.end());
  const auto one = detail::moments(times[0], *tenth), two = detail::moments(times[1], *tenth);
  Comparison result{};
  result.median_a = detail::median(times[0]);
  result.median_b = detail::median(times[1]);
  result.ratio = result.median_b / result.median_a;
  result.t = (two.mean - one.mean) / std::sqrt(one.variance / one.count + two.variance / two.count);
  result.samples = samples;
  return result;
}

}  // namespace openunison::bench
