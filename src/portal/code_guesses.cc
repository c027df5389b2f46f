// SPDX-License-Identifier: Apache-2.0
#include "portal/code_guesses.h"

namespace openunison::portal {
namespace {

// From so many accounts on, those that are over are looked for at each wrong code.
constexpr std::size_t kManyAccounts = 1'000;

}  // namespace

Millis CodeGuesses::wait_of(const std::string& account, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(account);
  if (found == counts_.end() || found->second.wrong < kMaxCodeGuesses) return Millis{0};
  const MonoTime until = found->second.since + kCodeGuessWindow;
  if (until <= now) return Millis{0};
  return std::chrono::ceil<Millis>(until - now);
}

void CodeGuesses::wrong(const std::string& account, MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= kManyAccounts) forget_old(now);
  const auto [found, is_new] = counts_.try_emplace(account, Count{0, now});
  Count& count = found->second;
  if (count.since + kCodeGuessWindow <= now) count = {0, now};
  ++count.wrong;
}

std::size_t CodeGuesses::accounts() {
  const std::lock_guard lock(mutex_);
  return counts_.size();
}

void CodeGuesses::forget_old(MonoTime now) {
  std::erase_if(counts_,
                [now](const auto& entry) { return entry.second.since + kCodeGuessWindow <= now; });
}

}  // namespace openunison::portal
