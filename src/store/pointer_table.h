// SPDX-License-Identifier: Apache-2.0
//
// PointerTable: an index over records that live elsewhere, some twelve bytes an entry: open
// addressing, linear probing, in many small segments, so that growing one holds nobody up for long.
// Entries may be equal. Not thread-safe. Private to store/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace openunison::store {

// `Hash` gives the 64-bit hash of a record; a record's hash doesn't change while it is in the
// table.
template <class T, class Hash>
class PointerTable {
 public:
  void insert(T* record) {
    const std::uint64_t hash = Hash()(*record);
    Segment& segment = segment_of(hash);
    if ((segment.used + 1) * 5 > segment.slots.size() * 4) grow(segment);
    place(segment, record, hash);
    ++segment.used;
  }

  // The record itself, which is in the table.
  void erase(T* record) {
    const std::uint64_t hash = Hash()(*record);
    Segment& segment = segment_of(hash);
    std::size_t hole = home(segment, hash);
    while (segment.slots[hole] != record) hole = after(segment, hole);
    close_hole(segment, hole);
    --segment.used;
  }

  // Calls `visit` with records whose hash may be `hash`, until it gives false. `visit` doesn't
  // change the table.
  template <class Visit>
  void probe(std::uint64_t hash, Visit visit) const {
    const Segment& segment = segments_[hash >> kShift];
    if (segment.slots.empty()) return;
    for (std::size_t at = home(segment, hash); segment.slots[at] != nullptr;
         at = after(segment, at)) {
      if (!visit(*segment.slots[at])) return;
    }
  }

  // The first record for which `matches` holds; nullptr if there is none.
  template <class Matches>
  T* find(std::uint64_t hash, Matches matches) const {
    T* found = nullptr;
    probe(hash, [&](T& record) {
      if (matches(record)) found = &record;
      return found == nullptr;
    });
    return found;
  }

 private:
  static constexpr std::size_t kSegments = 256;
  static constexpr int kShift = 56;

  struct Segment {
    std::vector<T*> slots;
    std::size_t used = 0;
  };

  Segment& segment_of(std::uint64_t hash) { return segments_[hash >> kShift]; }
  // Where a hash belongs: its lower bits, spread evenly over any number of slots.
  static std::size_t home(const Segment& segment, std::uint64_t hash) {
    const auto bits = static_cast<std::uint32_t>(hash >> 16);
    return static_cast<std::size_t>(std::uint64_t{bits} * segment.slots.size() >> 32);
  }
  static std::size_t after(const Segment& segment, std::size_t at) {
    return at + 1 == segment.slots.size() ? 0 : at + 1;
  }

  static void place(Segment& segment, T* record, std::uint64_t hash) {
    std::size_t at = home(segment, hash);
    while (segment.slots[at] != nullptr) at = after(segment, at);
    segment.slots[at] = record;
  }

  static void grow(Segment& segment) {
    Segment grown;
    grown.slots.resize(segment.slots.size() < 8 ? 8 : segment.slots.size() * 3 / 2);
    grown.used = segment.used;
    for (T* record : segment.slots) {
      if (record != nullptr) place(grown, record, Hash()(*record));
    }
    segment = std::move(grown);
  }

  // Moves up what had to give way, so that a probe still ends at the first free slot.
  static void close_hole(Segment& segment, std::size_t hole) {
    const std::size_t size = segment.slots.size();
    for (std::size_t at = after(segment, hole); segment.slots[at] != nullptr;
         at = after(segment, at)) {
      const std::size_t wanted = home(segment, Hash()(*segment.slots[at]));
      const bool stays = (at + size - wanted) % size < (at + size - hole) % size;
      if (stays) continue;
      segment.slots[hole] = segment.slots[at];
      hole = at;
    }
    segment.slots[hole] = nullptr;
  }

  std::array<Segment, kSegments> segments_;
};

}  // namespace openunison::store
