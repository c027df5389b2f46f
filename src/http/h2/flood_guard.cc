// SPDX-License-Identifier: Apache-2.0
#include "http/h2/flood_guard.h"

#include <algorithm>

namespace openunison::http::h2 {
namespace {

struct Budget {
  double burst;
  double per_second;
  Refusal refusal;
};
// In the order of FloodGuard::Kind. Browsers cancel a page's requests at once when one leaves it,
// never more than are open; Go's client pings every few seconds.
constexpr Budget kBudgets[] = {
    {200, 20, Refusal::h2_resets},
    {20, 1, Refusal::h2_settings},
    {50, 5, Refusal::h2_pings},
    {100, 10, Refusal::h2_empty_frames},
    {1000, 100, Refusal::h2_control_frames},
};

const Budget& budget_of(FloodGuard::Kind kind) {
  return kBudgets[static_cast<std::size_t>(kind)];
}

}  // namespace

FloodGuard::FloodGuard(net::Deadline now, bool for_many) : for_many_(for_many) {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    buckets_[i] = {kBudgets[i].burst * scale(static_cast<Kind>(i)), now};
}

// Settings and pings are the proxy's own matter, however many people are behind it.
double FloodGuard::scale(Kind kind) const {
  return for_many_ && kind != Kind::settings && kind != Kind::ping ? kPeopleBehindAProxy : 1;
}

bool FloodGuard::take(Kind kind, net::Deadline now) {
  Bucket& bucket = buckets_[static_cast<std::size_t>(kind)];
  const Budget& budget = budget_of(kind);
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.filled = now;
  const double times = scale(kind);
  bucket.left = std::min(times * budget.burst, bucket.left + seconds * times * budget.per_second);
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

Refusal FloodGuard::refusal(Kind kind) {
  return budget_of(kind).refusal;
}

}  // namespace openunison::http::h2
