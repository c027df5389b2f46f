// SPDX-License-Identifier: Apache-2.0
#include "store/pointer_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

namespace openunison::store {
namespace {

struct Record {
  std::uint64_t hash;
};
struct RecordHash {
  std::uint64_t operator()(const Record& record) const { return record.hash; }
};
using Table = PointerTable<Record, RecordHash>;

std::multiset<const Record*> with_hash(const Table& table, std::uint64_t hash) {
  std::multiset<const Record*> found;
  table.probe(hash, [&](Record& record) {
    if (record.hash == hash) found.insert(&record);
    return true;
  });
  return found;
}

TEST(PointerTable, AnEmptyOneFindsNothing) {
  const Table table;
  EXPECT_EQ(table.find(7, [](const Record&) { return true; }), nullptr);
}

// Few distinct hashes that lie close together, in one segment: runs that collide, wrap around the
// end and close again.
TEST(PointerTable, AgreesWithAModelOverRandomInsertionsAndErasures) {
  std::mt19937_64 random(3);
  Table table;
  std::deque<Record> records;
  std::map<std::uint64_t, std::multiset<const Record*>> model;
  std::vector<Record*> present;
  for (int step = 0; step < 20'000; ++step) {
    const bool growing = step % 4'000 < 2'000;
    if (present.empty() || random() % 10 < (growing ? 7u : 3u)) {
      // Bits 16 to 47 say where in the segment: near its start, its middle and its end.
      static constexpr std::uint64_t kPlaces[] = {0, 0x8000'0000, 0xffff'0000};
      const std::uint64_t place = kPlaces[random() % 3] + (random() % 64 << 8);
      records.push_back({place << 16});
      table.insert(&records.back());
      present.push_back(&records.back());
      model[records.back().hash].insert(&records.back());
    } else {
      const std::size_t victim = random() % present.size();
      table.erase(present[victim]);
      model[present[victim]->hash].erase(present[victim]);
      std::swap(present[victim], present.back());
      present.pop_back();
    }
    if (step % 97 != 0) continue;
    for (const auto& [hash, expected] : model) ASSERT_EQ(with_hash(table, hash), expected) << step;
  }
}

}  // namespace
}  // namespace openunison::store
