// SPDX-License-Identifier: Apache-2.0
#include "identity/attempts.h"

#include <algorithm>

#include "crypto/hash.h"

namespace openunison::identity {
namespace {

// A key of fixed size whatever somebody typed as a user name.
std::string pair_key(std::string_view user, std::string_view address) {
  std::string text(address);
  text += '\n';
  text += user;
  return std::string(crypto::view(crypto::sha256(text)));
}

}  // namespace

Attempts::Entry* Attempts::find(Table& table, const std::string& key, MonoTime now) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return nullptr;
  if (now - found->second->last < limits_.forgotten_after) return &*found->second;
  forget(table, key);
  return nullptr;
}

void Attempts::forget(Table& table, const std::string& key) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return;
  const auto entry = found->second;
  table.by_key.erase(found);  // its key is a view into the entry
  table.entries.erase(entry);
}

void Attempts::uncount(Table& table, const std::string& key, unsigned free) {
  const auto found = table.by_key.find(key);
  if (found == table.by_key.end()) return;
  Entry& entry = *found->second;
  if (entry.count > 0) --entry.count;
  // Else a password of one's own, between two guesses at others', would end every wait.
  if (entry.count < free) entry.not_before = {};
  if (entry.count == 0) forget(table, key);
}

void Attempts::count(Table& table, const std::string& key, const Patience& patience, MonoTime now) {
  auto found = table.by_key.find(key);
  if (found == table.by_key.end()) {
    while (table.entries.size() >= limits_.entries)
      forget(table, std::string(table.entries.back().key));
    table.entries.push_front({key, 0, now, {}});
    found = table.by_key.emplace(table.entries.front().key, table.entries.begin()).first;
  } else {
    table.entries.splice(table.entries.begin(), table.entries, found->second);
  }
  Entry& entry = *found->second;
  entry.last = now;
  ++entry.count;
  if (entry.count >= patience.free) {
    const unsigned doublings = std::min(entry.count - patience.free, 20u);
    entry.not_before =
        now + std::min(patience.first_wait * (1u << doublings), patience.longest_wait);
  }
}

unsigned Attempts::free_of(const text::AddressShare& share) const {
  return limits_.free_per_address * share.addresses;
}

std::optional<Millis> Attempts::start(std::string_view user, std::string_view address,
                                      MonoTime now) {
  const auto shares = text::address_shares(address);
  const std::string pair = pair_key(user, shares.front().key);
  const std::lock_guard lock(mutex_);
  MonoTime not_before{};
  if (const Entry* entry = find(pairs_, pair, now)) not_before = entry->not_before;
  // What others at an address do doesn't keep away whoever has signed in from there before.
  if (!familiar_.by_key.contains(pair)) {
    for (const text::AddressShare& share : shares) {
      if (const Entry* entry = find(addresses_, share.key, now))
        not_before = std::max(not_before, entry->not_before);
    }
  }
  if (now < not_before) return std::chrono::ceil<Millis>(not_before - now);
  const std::string user_key = pair_key(user, "");
  const Entry* all_of_user = find(users_, user_key, now);
  const bool guessed_at = all_of_user != nullptr && all_of_user->count >= limits_.free_per_user &&
                          !familiar_.by_key.contains(pair);
  const Patience of_pair =
      guessed_at
          ? Patience{limits_.free_per_pair_then, limits_.first_wait_then,
                     limits_.longest_wait_of_pair}
          : Patience{limits_.free_per_pair, limits_.first_wait, limits_.longest_wait_of_pair};
  count(pairs_, pair, of_pair, now);
  for (const text::AddressShare& share : shares) {
    count(addresses_, share.key,
          {free_of(share), limits_.first_wait, limits_.longest_wait_of_address}, now);
  }
  count(users_, user_key, {kNeverWaits, {}, {}}, now);
  return std::nullopt;
}

void Attempts::succeeded(std::string_view user, std::string_view address) {
  const auto shares = text::address_shares(address);
  const std::lock_guard lock(mutex_);
  const std::string pair = pair_key(user, shares.front().key);
  forget(pairs_, pair);
  for (const text::AddressShare& share : shares) uncount(addresses_, share.key, free_of(share));
  uncount(users_, pair_key(user, ""));
  // How long ago doesn't matter; the table's bound ends it.
  count(familiar_, pair, {kNeverWaits, {}, {}}, MonoTime{});
}

void Attempts::taken_back(std::string_view user, std::string_view address) {
  const auto shares = text::address_shares(address);
  const std::lock_guard lock(mutex_);
  uncount(pairs_, pair_key(user, shares.front().key));
  for (const text::AddressShare& share : shares) uncount(addresses_, share.key, free_of(share));
  uncount(users_, pair_key(user, ""));
}

std::size_t Attempts::size() const {
  const std::lock_guard lock(mutex_);
  return pairs_.entries.size() + addresses_.entries.size() + users_.entries.size() +
         familiar_.entries.size();
}

}  // namespace openunison::identity
