// SPDX-License-Identifier: Apache-2.0
//
// Steps from several runtime threads at once. Each test looks afterwards at what the steps
// answered.
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "store/conformance.h"

namespace openunison::store {
namespace {

constexpr unsigned kThreads = 4;

class Concurrency : public ::testing::TestWithParam<StoreKind>, protected Records {
 protected:
  template <class T>
  T run(Task<T> task) {
    return one_thread_.block_on(std::move(task));
  }

  // Starts task 0 … count - 1 spread over the threads and runs until all are done. Once in a test.
  void run_all(unsigned count, const std::function<Task<void>(unsigned)>& task) {
    left_ = count;
    for (unsigned i = 0; i < count; ++i) threads_.spawn(i % kThreads, then_stop(task(i)));
    threads_.run();
  }

  Live open_client() {
    SignIn owner = sign_in();
    Session session = client(owner);
    EXPECT_TRUE(run(store_->open(owner, session)));
    return {std::move(session), std::move(owner)};
  }

  TemporaryDirectory directory_;
  net::Runtime one_thread_{1};
  net::Runtime threads_{kThreads};
  std::unique_ptr<SessionStore> store_ = GetParam().make(directory_);
  std::mutex mutex_;  // what tests record

 private:
  Task<void> then_stop(Task<void> task) {
    co_await std::move(task);
    if (--left_ == 0) threads_.stop();
  }
  std::atomic<unsigned> left_ = 0;
};

TEST_P(Concurrency, FiftyUsesOfOneTokenHaveOneSuccessor) {
  const Live live = open_client();
  std::map<Rotated::Outcome, int> outcomes;
  std::set<std::uint32_t> generations;
  const auto use = [](SessionStore* store, RotateRequest request,
                      std::function<void(const Rotated&)> note) -> Task<void> {
    const auto rotated = co_await store->rotate(std::move(request));
    EXPECT_TRUE(rotated);
    if (rotated) note(*rotated);
  };
  run_all(50, [&](unsigned) {
    return use(store_.get(), rotate_request(live.session, 1), [&](const Rotated& rotated) {
      const std::lock_guard lock(mutex_);
      ++outcomes[rotated.outcome];
      generations.insert(rotated.live.session.generation);
    });
  });
  EXPECT_EQ(outcomes[Rotated::Outcome::rotated], 1);
  EXPECT_EQ(outcomes[Rotated::Outcome::repeated], 49);
  EXPECT_EQ(generations, std::set<std::uint32_t>{2});
}

TEST_P(Concurrency, FiftyUsesOfOneCodeHaveOneSession) {
  const Live live = open_client();
  const SessionStore::Redemption code{random.id<CodeTag>(), now + Seconds(600)};
  std::vector<Session> sessions;
  for (int i = 0; i < 50; ++i) sessions.push_back(client(live.sign_in));
  std::vector<SessionId> added;
  int already_used = 0;
  const auto redeem = [](SessionStore* store, Session session, SessionStore::Redemption redemption,
                         WallTime at, std::function<void(bool)> note) -> Task<void> {
    const auto done = co_await store->add(std::move(session), redemption, at);
    if (!done) EXPECT_TRUE(failed_with(done, Errc::already_used));
    note(done.has_value());
  };
  run_all(50, [&](unsigned i) {
    return redeem(store_.get(), sessions[i], code, now, [&, i](bool done) {
      const std::lock_guard lock(mutex_);
      if (done) added.push_back(sessions[i].id);
      already_used += done ? 0 : 1;
    });
  });
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(already_used, 49);
  EXPECT_EQ(run(store_->redeemed_by(code.code, now)), added.front());
  EXPECT_EQ(total(run(store_->count())), std::size_t{2});
}

TEST_P(Concurrency, OneOfManyUpdatesWins) {
  const Live live = open_client();
  std::atomic<int> won = 0;
  const auto update = [](SessionStore* store, SignIn sign_in, WallTime at,
                         std::atomic<int>* count) -> Task<void> {
    const auto done = co_await store->update(std::move(sign_in), at);
    if (!done) EXPECT_TRUE(failed_with(done, Errc::conflict));
    if (done) ++*count;
  };
  run_all(20, [&](unsigned) { return update(store_.get(), live.sign_in, now, &won); });
  EXPECT_EQ(won, 1);
}

// What one random step did. `begun` and `done` are places in one order of everything that happened.
struct Event {
  enum class Kind { rotated, repeated, gone, ended, found } kind;
  std::size_t family;
  std::uint32_t generation;  // after the step
  int begun, done;
};

class History {
 public:
  int tick() { return ++ticks_; }
  void add(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  // Guesses a generation worth presenting.
  std::atomic<std::uint32_t>& newest(std::size_t family) { return newest_[family]; }
  const std::vector<Event>& events() const { return events_; }

  static constexpr std::size_t kFamilies = 12;

 private:
  std::atomic<int> ticks_ = 0;
  std::array<std::atomic<std::uint32_t>, kFamilies> newest_{};
  std::mutex mutex_;
  std::vector<Event> events_;
};

Task<void> random_steps(SessionStore* store, History* history, std::vector<RotateRequest> families,
                        unsigned seed) {
  crypto::SeededRandom random(seed);
  const auto below = [&random](unsigned n) {
    return static_cast<unsigned>(static_cast<unsigned char>(random.bytes(1)[0])) % n;
  };
  for (int step = 0; step < 60; ++step) {
    const std::size_t family = below(History::kFamilies);
    RotateRequest request = families[family];
    const WallTime now = request.now;
    const unsigned what = below(100);
    Event event{Event::Kind::gone, family, 0, history->tick(), 0};
    if (what < 70) {
      const std::uint32_t newest = std::max(1u, history->newest(family).load());
      request.generation = newest - std::min(newest - 1, below(2));
      const auto rotated = co_await store->rotate(std::move(request));
      if (!rotated) {
        EXPECT_TRUE(failed_with(rotated, Errc::not_found));
      } else {
        // Stale where more than eight others came in between: an answer without a successor, as a
        // repeat is.
        event.kind = rotated->outcome == Rotated::Outcome::rotated ? Event::Kind::rotated
                                                                   : Event::Kind::repeated;
        event.generation = rotated->live.session.generation;
        history->newest(family) = event.generation;
      }
    } else if (what < 85) {
      const auto found = co_await store->find(request.family, now);
      if (found) event = {Event::Kind::found, family, found->session.generation, event.begun, 0};
    } else if (what < 95) {
      co_await store->touch(request.family, now);
      continue;
    } else {
      Selector selector;
      selector.session = request.family;
      const auto ended = co_await store->end(selector, now);
      EXPECT_TRUE(ended);
      if (ended && ended->size() == 1)
        event = {Event::Kind::ended, family, ended->front().session.generation, event.begun, 0};
    }
    event.done = history->tick();
    history->add(event);
  }
}

// Of one family: each generation was made once and in order, an end came once and after all, and
// what was answered never goes back behind what had been answered before the step began.
void check_family(std::vector<Event> events, const std::optional<Live>& left) {
  std::set<std::uint32_t> made;
  std::vector<Event> ends;
  std::uint32_t newest = 1;
  for (const Event& event : events) {
    if (event.kind == Event::Kind::rotated)
      EXPECT_TRUE(made.insert(event.generation).second) << "made twice";
    if (event.kind == Event::Kind::ended) ends.push_back(event);
    newest = std::max(newest, event.generation);
  }
  EXPECT_EQ(made.size(), newest - 1) << "a generation is missing";
  ASSERT_LE(ends.size(), 1u);
  EXPECT_EQ(left.has_value(), ends.empty());
  if (left) EXPECT_EQ(left->session.generation, newest);
  if (!ends.empty()) EXPECT_EQ(ends.front().generation, newest) << "it lived on after its end";
  for (const Event& later : events) {
    for (const Event& earlier : events) {
      if (earlier.done > later.begun) continue;
      if (later.kind == Event::Kind::gone) {
        EXPECT_FALSE(ends.empty());
        continue;
      }
      EXPECT_GE(later.generation, earlier.generation) << "an answer was taken back";
      EXPECT_NE(earlier.kind, Event::Kind::ended) << "alive after its end";
      EXPECT_NE(earlier.kind, Event::Kind::gone) << "alive after it was gone";
    }
  }
}

TEST_P(Concurrency, RandomStepsFitAnOrder) {
  std::vector<RotateRequest> families;
  std::vector<Live> lives;
  for (std::size_t i = 0; i < History::kFamilies; ++i) {
    lives.push_back(open_client());
    families.push_back(rotate_request(lives.back().session, 1));
    families.back().grace = std::chrono::hours(1);
  }
  History history;
  run_all(16, [&](unsigned i) { return random_steps(store_.get(), &history, families, 1000 + i); });

  std::size_t alive = 0;
  for (std::size_t family = 0; family < families.size(); ++family) {
    SCOPED_TRACE(family);
    std::vector<Event> events;
    std::ranges::copy_if(history.events(), std::back_inserter(events),
                         [&](const Event& event) { return event.family == family; });
    const auto left = run(store_->find(lives[family].session.id, now));
    alive += left ? 1 : 0;
    check_family(std::move(events), left ? std::optional(*left) : std::nullopt);
  }
  EXPECT_EQ(total(run(store_->count())), alive);
}

INSTANTIATE_TEST_SUITE_P(Stores, Concurrency, ::testing::ValuesIn(stores()), kind_name);

}  // namespace
}  // namespace openunison::store
