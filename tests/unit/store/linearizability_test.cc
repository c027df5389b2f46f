// SPDX-License-Identifier: Apache-2.0
//
// Short histories of concurrent rotations, ends of one session, of a sign-in and of everything,
// expiries and look-ups on one sign-in with two families, against a model of a few lines that knows
// nothing of how a store works. OPENUNISON_HISTORIES says how many (600 a store), and
// OPENUNISON_SEED with which to begin; a history that can't be explained prints its seed. The
// checker itself is shown to fail on stores that do one step in two.
#include "store/linearizability.h"

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>

#include "store/conformance.h"

namespace openunison::store {
namespace {

constexpr unsigned kThreads = 3;
constexpr unsigned kCallsEach = 5;
constexpr std::size_t kFamilies = 2;
// Under the leeway of the rule of rotation for clocks that differ (store/rotation.cc).
constexpr Seconds kIdle{200};

// What was called and what it gave.
struct Call {
  enum class Kind { rotate, find, end_one, end_sign_in, end_all } kind = Kind::find;
  std::size_t family = 0;
  std::uint32_t presented = 0;
  bool late = false;  // at a time when what wasn't rotated late is over
  // What came of it: alive (a look-up), rotated, repeated, stale, gone; for ends how many.
  enum class Outcome { gone, alive, rotated, repeated, stale } outcome = Outcome::gone;
  std::uint32_t generation = 0;  // after it
  std::size_t ended = 0;
};

std::string text(const Call& call) {
  static constexpr const char* kKinds[] = {"rotate", "find", "end one", "end sign-in", "end all"};
  static constexpr const char* kOutcomes[] = {"gone", "alive", "rotated", "repeated", "stale"};
  std::ostringstream out;
  out << kKinds[static_cast<int>(call.kind)] << " family " << call.family << " generation "
      << call.presented << (call.late ? " late" : "") << " -> "
      << kOutcomes[static_cast<int>(call.outcome)] << ' ' << call.generation << ", ended "
      << call.ended;
  return out.str();
}

// The sequential truth. Grace is longer than any history: an older generation is repeated.
class Model {
 public:
  bool apply(const Call& call) {
    Family& family = families_[call.family];
    switch (call.kind) {
      case Call::Kind::find:
        return call.outcome ==
                   (alive(family, call.late) ? Call::Outcome::alive : Call::Outcome::gone) &&
               (call.outcome == Call::Outcome::gone || call.generation == family.generation);
      case Call::Kind::rotate:
        return rotate(family, call);
      case Call::Kind::end_one:
        return end(call, call.family, call.family + 1);
      case Call::Kind::end_sign_in:
      case Call::Kind::end_all:
        return end(call, 0, kFamilies);
    }
    return false;
  }
  std::string key() const {
    std::string key;
    for (const Family& family : families_)
      key += std::to_string(family.generation) + (family.ended       ? 'e'
                                                  : family.used_late ? 'l'
                                                                     : 'a');
    return key;
  }

 private:
  struct Family {
    std::uint32_t generation = 1;
    bool ended = false;
    bool used_late = false;
  };
  static bool alive(const Family& family, bool late) {
    return !family.ended && (!late || family.used_late);
  }
  static bool rotate(Family& family, const Call& call) {
    if (!alive(family, call.late)) return call.outcome == Call::Outcome::gone;
    if (call.presented > family.generation) {
      family.ended = true;
      return call.outcome == Call::Outcome::stale;
    }
    if (call.presented < family.generation)
      return call.outcome == Call::Outcome::repeated && call.generation == family.generation;
    ++family.generation;
    family.used_late = family.used_late || call.late;
    return call.outcome == Call::Outcome::rotated && call.generation == family.generation;
  }
  bool end(const Call& call, std::size_t from, std::size_t to) {
    std::size_t ended = 0;
    for (std::size_t i = from; i < to; ++i) {
      ended += alive(families_[i], call.late) ? 1 : 0;
      families_[i].ended = true;
    }
    return call.ended == ended;
  }

  std::array<Family, kFamilies> families_;
};

using History = std::vector<Recorded<Call>>;
using Check = LinearizabilityCheck<Model, Call>;

TEST(Linearizability, TheCheckerTellsGoodFromBad) {
  const Call rotated{Call::Kind::rotate, 0, 1, false, Call::Outcome::rotated, 2, 0};
  const Call repeated{Call::Kind::rotate, 0, 1, false, Call::Outcome::repeated, 2, 0};
  const Call ended{Call::Kind::end_one, 0, 0, false, Call::Outcome::gone, 0, 1};
  const Call found{Call::Kind::find, 0, 0, false, Call::Outcome::alive, 1, 0};
  // At once: some order will do.
  EXPECT_TRUE(Check({{repeated, 1, 4}, {rotated, 2, 3}}).explained({}));
  EXPECT_TRUE(Check({{found, 1, 6}, {ended, 2, 5}, {rotated, 3, 4}}).explained({}));
  // One after the other: none does.
  EXPECT_FALSE(Check({{repeated, 1, 2}, {rotated, 3, 4}}).explained({}));
  EXPECT_FALSE(Check({{rotated, 1, 4}, {rotated, 2, 3}}).explained({})) << "two successors";
  EXPECT_FALSE(Check({{ended, 1, 2}, {found, 3, 4}}).explained({})) << "alive after its end";
  EXPECT_FALSE(Check({{ended, 1, 4}, {ended, 2, 3}}).explained({})) << "ended twice";
}

// Looks, lets others in, then acts on what it saw: what a store without transactions would do.
class TornStore {
 public:
  static Task<Result<Rotated>> rotate(SessionStore* store, RotateRequest request) {
    const auto seen = co_await store->find(request.family, request.now);
    if (!seen) co_return std::unexpected(seen.error());
    co_await net::sleep_until(net::in(Millis(1)));
    const std::uint32_t presented = request.generation;
    if (presented == seen->session.generation) {
      // It believes that it makes the successor.
      auto done = co_await store->rotate(std::move(request));
      if (done) {
        done->outcome = Rotated::Outcome::rotated;
        done->live.session.generation = presented + 1;
      }
      co_return done;
    }
    co_return co_await store->rotate(std::move(request));
  }
};

class Histories : public ::testing::TestWithParam<StoreKind>, protected Records {
 protected:
  static unsigned number(const char* name, unsigned otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : otherwise;
  }

  // A sign-in with two families, and calls on three threads.
  History record(SessionStore* store, unsigned seed, bool torn) {
    net::Runtime single(1);
    net::Runtime threads(kThreads);
    SignIn owner = sign_in();
    std::vector<Session> families;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      families.push_back(client(owner));
      families.back().idle_limit = kIdle;
    }
    EXPECT_TRUE(single.block_on(store->open(owner, families[0])));
    EXPECT_TRUE(single.block_on(store->add(families[1], std::nullopt, now)));

    Shared shared;
    shared.left = kThreads;
    for (unsigned thread = 0; thread < kThreads; ++thread)
      threads.spawn(thread, call(store, families, owner.id, now, seed * kThreads + thread, torn,
                                 &shared, &threads));
    threads.run();
    Selector all;
    all.all = true;
    EXPECT_TRUE(single.block_on(store->end(all, now)));
    return std::move(shared.history);
  }

  struct Shared {
    std::atomic<int> ticks = 0;
    std::atomic<unsigned> left = 0;
    std::mutex mutex;
    History history;
  };

  static Task<void> call(SessionStore* store, std::vector<Session> families, SignInId sign_in,
                         WallTime now, unsigned seed, bool torn, Shared* shared,
                         net::Runtime* threads) {
    crypto::SeededRandom random(seed);
    const auto below = [&random](unsigned n) {
      return static_cast<unsigned>(static_cast<unsigned char>(random.bytes(1)[0])) % n;
    };
    for (unsigned i = 0; i < kCallsEach; ++i) {
      Call one;
      one.family = below(kFamilies);
      one.presented = 1 + below(3);
      one.late = below(6) == 0;
      const unsigned what = below(100);
      one.kind = what < 60   ? Call::Kind::rotate
                 : what < 84 ? Call::Kind::find
                 : what < 92 ? Call::Kind::end_one
                 : what < 97 ? Call::Kind::end_sign_in
                             : Call::Kind::end_all;
      if (torn && one.kind == Call::Kind::rotate) one.presented = 1;
      const WallTime at = one.late ? now + kIdle : now;
      Recorded<Call> recorded;
      // Some calls wait for the others to catch up, before they begin or while they are under way.
      if (below(3) == 0) co_await net::sleep_until(net::in(Millis(1)));
      recorded.begun = ++shared->ticks;
      if (below(3) == 0) co_await net::sleep_until(net::in(Millis(1)));
      if (one.kind == Call::Kind::rotate) {
        const Session& family = families[one.family];
        RotateRequest request{family.id, one.presented, family.client_id, std::chrono::hours(1),
                              {},        "192.0.2.1",   "kubectl",        at};
        auto rotating =
            torn ? TornStore::rotate(store, std::move(request)) : store->rotate(std::move(request));
        const auto rotated = co_await std::move(rotating);
        if (!rotated) EXPECT_TRUE(failed_with(rotated, Errc::not_found));
        if (rotated) {
          one.generation = rotated->live.session.generation;
          one.outcome = rotated->outcome == Rotated::Outcome::rotated    ? Call::Outcome::rotated
                        : rotated->outcome == Rotated::Outcome::repeated ? Call::Outcome::repeated
                                                                         : Call::Outcome::stale;
        }
      } else if (one.kind == Call::Kind::find) {
        const auto found = co_await store->find(families[one.family].id, at);
        if (found) one.generation = found->session.generation;
        if (found) one.outcome = Call::Outcome::alive;
      } else {
        Selector selector;
        if (one.kind == Call::Kind::end_one) selector.session = families[one.family].id;
        if (one.kind == Call::Kind::end_sign_in) selector.sign_in = sign_in;
        if (one.kind == Call::Kind::end_all) selector.all = true;
        const auto ended = co_await store->end(std::move(selector), at);
        EXPECT_TRUE(ended);
        if (ended) one.ended = ended->size();
      }
      recorded.done = ++shared->ticks;
      recorded.call = one;
      const std::lock_guard lock(shared->mutex);
      shared->history.push_back(std::move(recorded));
    }
    if (--shared->left == 0) threads->stop();
  }

  static std::string print(const History& history) {
    std::string out;
    for (const Recorded<Call>& each : history)
      out += std::to_string(each.begun) + " to " + std::to_string(each.done) + ": " +
             text(each.call) + '\n';
    return out;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<SessionStore> store_ = GetParam().make(directory_);
};

TEST_P(Histories, FitAnOrderOfSingleSteps) {
  const unsigned first = number("OPENUNISON_SEED", 1);
  const unsigned count = number("OPENUNISON_HISTORIES", 600);
  std::size_t overlapping = 0;
  for (unsigned seed = first; seed < first + count; ++seed) {
    const History history = record(store_.get(), seed, false);
    ASSERT_EQ(history.size(), kThreads * kCallsEach);
    for (const auto& each : history) overlapping += each.done > each.begun + 1 ? 1 : 0;
    ASSERT_TRUE(Check(history).explained({}))
        << "no order explains this; OPENUNISON_SEED=" << seed << " OPENUNISON_HISTORIES=1\n"
        << print(history);
  }
  std::cout << count << " histories, " << overlapping << " calls that overlapped others\n";
  EXPECT_GT(overlapping, count / 10) << "nothing ran at once";
}

TEST_P(Histories, AStoreThatRotatesInTwoStepsIsFound) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    if (!Check(record(store_.get(), seed, true)).explained({})) return;
  }
  FAIL() << "the checker has nothing against a rotation that isn't atomic";
}

INSTANTIATE_TEST_SUITE_P(Stores, Histories, ::testing::ValuesIn(stores()), kind_name);

}  // namespace
}  // namespace openunison::store
