// SPDX-License-Identifier: Apache-2.0
//
// Attempts: holds password guessing back. Tables of (user, address), of addresses, with the IPv6
// networks around them (text::address_shares), and of users. An entry of the first two allows some
// attempts and then makes each next one wait twice as long. The pair is what keeps the true user,
// who comes from elsewhere, from being locked out by somebody else's guesses. Guesses at one user
// from many addresses make nobody wait by themselves: they make the pairs of that user stricter,
// down to one attempt, but for pairs that had the password right before. So an address without a
// failure of its own always has an attempt, unless its network has spent many.
// An attempt is counted before the password is looked at, so that many at once count as many, and
// given back when it was right. Bounded: the longest unused entry goes first. Thread-safe.
#pragma once

#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "text/ip.h"

namespace openunison::identity {

struct AttemptLimits {
  unsigned free_per_pair = 5;      // attempts before the first wait
  unsigned free_per_address = 30;  // many people may share an address
  unsigned free_per_user = 50;     // by all addresses; then the user's pairs are held shorter
  unsigned free_per_pair_then = 1;
  Millis first_wait_then{60'000};
  Millis first_wait{1'000};
  Millis longest_wait_of_pair{300'000};
  Millis longest_wait_of_address{30'000};
  Millis forgotten_after{1'800'000};  // without an attempt
  std::size_t entries = 10'000;       // of each table
};

class Attempts {
 public:
  explicit Attempts(AttemptLimits limits = {}) : limits_(limits) {}

  // nullopt: go on, the attempt is counted. Else how long to wait; nothing is counted.
  std::optional<Millis> start(std::string_view user, std::string_view address, MonoTime now);
  // The password was right: forgets the pair's attempts and takes back this one of the address.
  void succeeded(std::string_view user, std::string_view address);
  // The password was never looked at (a full queue): takes this attempt back.
  void taken_back(std::string_view user, std::string_view address);

  std::size_t size() const;

 private:
  static constexpr unsigned kNeverWaits = std::numeric_limits<unsigned>::max();
  struct Entry {
    std::string key;
    unsigned count = 0;
    MonoTime last{}, not_before{};
  };
  // Newest first.
  struct Table {
    std::list<Entry> entries;
    std::unordered_map<std::string_view, std::list<Entry>::iterator>
        by_key;  // views into Entry::key
  };
  Entry* find(Table& table, const std::string& key, MonoTime now);
  struct Patience {
    unsigned free;
    Millis first_wait, longest_wait;
  };
  void count(Table& table, const std::string& key, const Patience& patience, MonoTime now);
  static void forget(Table& table, const std::string& key);
  // `free`: with fewer than so many, nobody waits any longer.
  static void uncount(Table& table, const std::string& key, unsigned free = kNeverWaits);
  unsigned free_of(const text::AddressShare& share) const;

  AttemptLimits limits_;
  mutable std::mutex mutex_;
  Table pairs_, addresses_, users_;
  Table familiar_;  // pairs that had the password right
};

}  // namespace openunison::identity
