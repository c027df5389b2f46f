// SPDX-License-Identifier: Apache-2.0
//
// A server that is killed loses nothing that it has acknowledged: a child process rotates and ends,
// and says each success through a pipe; it is killed in the midst of that, and the database must
// agree.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "store/conformance.h"

namespace openunison::store {
namespace {

constexpr int kCycles = 10;
constexpr std::size_t kFamilies = 8;

// One acknowledged step; shorter than PIPE_BUF, so written whole or not at all.
struct Acknowledged {
  bool ended;
  SessionId session;
  std::uint32_t generation;
};

void acknowledge(int pipe, Acknowledged step) {
  if (::write(pipe, &step, sizeof step) != sizeof step) ::_exit(1);
}

Task<void> rotate_for_ever(SessionStore* store, RotateRequest request, Session extra, int pipe) {
  crypto::SystemRandom random;
  for (;;) {
    const auto rotated = co_await store->rotate(request);
    if (!rotated || rotated->outcome != Rotated::Outcome::rotated) ::_exit(2);
    request.generation = rotated->live.session.generation;
    acknowledge(pipe, {false, request.family, request.generation});

    extra.id = random.id<SessionTag>();
    const auto added = co_await store->add(extra, std::nullopt, request.now);
    Selector selector;
    selector.session = extra.id;
    const auto ended = co_await store->end(selector, request.now);
    if (!added || !ended || ended->size() != 1) ::_exit(3);
    acknowledge(pipe, {true, extra.id, 0});
  }
}

class Killed : public ::testing::Test, protected Records {
 protected:
  [[noreturn]] void serve(int pipe) {
    auto store = sqlite_store(file_);
    if (!store) ::_exit(4);
    net::Runtime runtime(1);
    for (const Live& live : lives_) {
      RotateRequest request = rotate_request(live.session, acknowledged_[live.session.id]);
      runtime.spawn(0,
                    rotate_for_ever(store->get(), std::move(request), client(live.sign_in), pipe));
    }
    runtime.run();
    ::_exit(5);
  }

  // Reads what the child says; kills it after `kill_after` of that.
  void serve_and_kill(int kill_after) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      serve(ends[1]);
    }
    ::close(ends[1]);
    int count = 0;
    Acknowledged step;
    while (::read(ends[0], &step, sizeof step) == sizeof step) {
      if (step.ended) ended_.insert(step.session);
      if (!step.ended) acknowledged_[step.session] = step.generation;
      if (++count == kill_after) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed: " << WEXITSTATUS(status);
  }

  // Threads must not run over fork(): what is open here is closed again.
  void check() {
    net::Runtime runtime(1);
    auto store = sqlite_store(file_);
    ASSERT_TRUE(store) << store.error().message();
    for (auto& [session, generation] : acknowledged_) {
      const auto found = runtime.block_on((*store)->find(session, now));
      ASSERT_TRUE(found);
      // One rotation may have been on its way.
      EXPECT_GE(found->session.generation, generation) << "an acknowledged rotation is lost";
      EXPECT_LE(found->session.generation, generation + 1);
      generation = found->session.generation;
      if (generation == 1) continue;
      RotateRequest retired = rotate_request(found->session, generation - 1);
      retired.now += Seconds(30);
      const auto rotated = runtime.block_on((*store)->rotate(retired));
      ASSERT_TRUE(rotated);
      EXPECT_EQ(rotated->outcome, Rotated::Outcome::stale) << "a retired token is accepted";
    }
    for (const SessionId session : ended_) {
      EXPECT_TRUE(failed_with(runtime.block_on((*store)->find(session, now)), Errc::not_found))
          << "it came back";
    }
    ended_.clear();
  }

  void open_families() {
    net::Runtime runtime(1);
    auto store = sqlite_store(file_);
    ASSERT_TRUE(store) << store.error().message();
    for (std::size_t i = 0; i < kFamilies; ++i) {
      SignIn owner = sign_in();
      Session session = client(owner);
      ASSERT_TRUE(runtime.block_on((*store)->open(owner, session)));
      acknowledged_[session.id] = 1;
      lives_.push_back({std::move(session), std::move(owner)});
    }
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.file("sessions.db");
  std::vector<Live> lives_;
  std::map<SessionId, std::uint32_t> acknowledged_;
  std::set<SessionId> ended_;
};

TEST_F(Killed, LosesNothingThatItAcknowledged) {
  open_families();
  for (int cycle = 0; cycle < kCycles && !HasFailure(); ++cycle) {
    SCOPED_TRACE(cycle);
    now += std::chrono::minutes(1);
    serve_and_kill(50 + 37 * cycle);
    check();
  }
}

}  // namespace
}  // namespace openunison::store
