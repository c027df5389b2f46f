// SPDX-License-Identifier: Apache-2.0
#include "net/runtime.h"

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/asio.h"
#include "net/sockets.h"

namespace openunison::net {
namespace {

constexpr std::size_t kResolverQueue = 256;

// An exception that leaves a spawned coroutine is a bug of ours: nothing that came off the network
// throws.
void on_end(std::exception_ptr error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    log::error("a task ended with an exception", {{"reason", exception.what()}});
  }
  std::abort();
}

}  // namespace

struct Runtime::Impl {
  std::unique_ptr<WorkPool> resolver = std::make_unique<WorkPool>("resolver", 2, kResolverQueue);
  std::vector<std::unique_ptr<IoThread>> threads;
  std::unique_ptr<asio::basic_signal_set<Executor>> signals;

  void wait_for_signal(std::function<void(int)> f) {
    signals->async_wait(
        [this, f = std::move(f)](const boost::system::error_code& error, int signal) mutable {
          if (error) return;
          f(signal);
          wait_for_signal(std::move(f));
        });
  }
};

Runtime::Runtime(unsigned threads) : impl_(std::make_unique<Impl>()) {
  CHECK(threads >= 1);
  sockets::ignore_broken_pipes();
  for (unsigned i = 0; i < threads; ++i)
    impl_->threads.push_back(std::make_unique<IoThread>(i, *impl_->resolver));
}

Runtime::~Runtime() {
  stop();
  impl_->signals.reset();
  impl_->resolver.reset();  // joined while there is still somewhere to tell its results to
  impl_->threads.clear();   // destroys what still waits there
}

unsigned Runtime::size() const {
  return static_cast<unsigned>(impl_->threads.size());
}
Executor Runtime::executor(unsigned thread) const {
  return impl_->threads.at(thread)->get_executor();
}
unsigned Runtime::index(const Executor& executor) {
  return IoThread::of(executor).index();
}

void Runtime::spawn(unsigned thread, Task<void> task) {
  spawn_on(executor(thread), std::move(task));
}
void Runtime::spawn_on(const Executor& executor, Task<void> task) {
  asio::co_spawn(executor, std::move(task), on_end);
}
void Runtime::post(const Executor& executor, MoveOnlyFunction<void()> f) {
  asio::post(executor, std::move(f));
}

void Runtime::run() {
  std::vector<std::thread> others;
  std::vector<asio::executor_work_guard<Executor>> guards;
  for (const auto& thread : impl_->threads) guards.emplace_back(thread->get_executor());
  for (std::size_t i = 1; i < impl_->threads.size(); ++i) {
    others.emplace_back([context = impl_->threads[i].get()] { context->run(); });
  }
  impl_->threads.front()->run();
  for (std::thread& thread : others) thread.join();
}

void Runtime::stop() {
  for (const auto& thread : impl_->threads) thread->stop();
}

void Runtime::on_signal(std::function<void(int)> f) {
  impl_->signals = std::make_unique<asio::basic_signal_set<Executor>>(executor(0));
  for (const int signal : sockets::signals()) impl_->signals->add(signal);
  impl_->wait_for_signal(std::move(f));
}

void Runtime::run_until_done(Task<void> task) {
  IoThread& context = *impl_->threads.front();
  context.restart();
  bool done = false;
  asio::co_spawn(context.get_executor(), std::move(task), [&](std::exception_ptr error) {
    on_end(error);
    done = true;
    context.stop();
  });
  {
    // Ended before the restart: a guard that ends later would stop the context again.
    const auto guard = asio::make_work_guard(context.get_executor());
    context.run();
  }
  context.restart();
  CHECK(done);
}

Task<Executor> current_executor() {
  co_return co_await asio::this_coro::executor;
}

Task<void> yield() {
  const Executor executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable_t<Executor>());
}

Task<bool> sleep_until(Deadline when) {
  const Executor executor = co_await asio::this_coro::executor;
  Timer timer(executor, when);
  const auto [error] = co_await timer.async_wait(kAwaitTuple);
  co_return !error;
}

// --- Completion ---

struct Completion::Impl {
  struct Waiter {
    explicit Waiter(const Executor& e) : executor(e), timer(e) {}
    Executor executor;
    Timer timer;
  };
  std::mutex mutex;
  bool done = false;
  std::vector<std::shared_ptr<Waiter>> waiters;

  // Takes the waiter off the list also where its coroutine is destroyed with the runtime.
  struct Registration {
    Impl& impl;
    const std::shared_ptr<Waiter>& waiter;
    ~Registration() {
      const std::lock_guard lock(impl.mutex);
      std::erase(impl.waiters, waiter);
    }
  };
};

Completion::Completion() : impl_(std::make_shared<Impl>()) {}
Completion::~Completion() = default;

Task<bool> Completion::wait(Deadline deadline) {
  const std::shared_ptr<Impl> impl = impl_;
  const Executor executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Impl::Waiter>(executor);
  {
    const std::lock_guard lock(impl->mutex);
    if (impl->done) co_return true;
    waiter->timer.expires_at(deadline);
    impl->waiters.push_back(waiter);
  }
  // complete() posts the cancellation to this thread, so it can't come before this wait has begun.
  {
    const Impl::Registration registration{*impl, waiter};
    co_await waiter->timer.async_wait(kAwaitTuple);
  }
  const std::lock_guard lock(impl->mutex);
  co_return impl->done;
}

void Completion::complete() {
  std::vector<std::shared_ptr<Impl::Waiter>> waiters;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->done = true;
    waiters.swap(impl_->waiters);
  }
  for (auto& waiter : waiters) {
    const Executor executor = waiter->executor;
    asio::post(executor, [waiter = std::move(waiter)] { waiter->timer.cancel(); });
  }
}

bool Completion::done() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->done;
}

// --- WorkPool ---

struct WorkPool::Impl {
  Impl(std::string given_name, std::size_t queue_limit)
      : name(std::move(given_name)), limit(queue_limit) {
    metrics::gauge("openunison_work_queue_limit", "Jobs that may wait for a pool of threads.",
                   {{"pool", name}})
        .set(static_cast<double>(limit));
  }

  struct Job {
    MoveOnlyFunction<void()> run;
    std::shared_ptr<Completion> done;
    MonoTime queued;
  };

  std::string name;
  std::size_t limit;
  metrics::Gauge& length = metrics::gauge(
      "openunison_work_queue_length", "Jobs that wait for a pool of threads.", {{"pool", name}});
  metrics::Counter& refused = metrics::counter(
      "openunison_work_refused_total", "Jobs turned away since too many waited.", {{"pool", name}});
  metrics::Histogram& waited = metrics::latency(
      "openunison_work_wait_seconds", "Time that a job waited for a thread.", {{"pool", name}});
  metrics::Histogram& worked =
      metrics::latency("openunison_work_seconds", "Time that a job ran.", {{"pool", name}});
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> queue;
  bool stopping = false;
  std::vector<std::thread> threads;

  void work() {
    for (;;) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      Job job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      length.add(-1);
      const MonoTime started = std::chrono::steady_clock::now();
      waited.observe(std::chrono::duration<double>(started - job.queued).count());
      job.run();
      worked.observe(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
      job.done->complete();
    }
  }
};

WorkPool::WorkPool(std::string name, unsigned threads, std::size_t queue)
    : impl_(std::make_unique<Impl>(std::move(name), queue)) {
  for (unsigned i = 0; i < threads; ++i)
    impl_->threads.emplace_back([impl = impl_.get()] { impl->work(); });
}

WorkPool::~WorkPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

Task<Result<void>> WorkPool::run_erased(MoveOnlyFunction<void()> f, Deadline deadline) {
  auto completion = std::make_shared<Completion>();
  bool full = false;
  {
    const std::lock_guard lock(impl_->mutex);
    full = impl_->queue.size() >= impl_->limit;
    if (!full) {
      impl_->queue.push_back({std::move(f), completion, std::chrono::steady_clock::now()});
      impl_->length.add(1);
    }
  }
  if (full) {
    impl_->refused.add();
    co_return fail(Errc::busy, "too much is waiting for the " + impl_->name + " threads");
  }
  impl_->wake.notify_one();
  const bool done = co_await completion->wait(deadline);
  if (!done) co_return fail(Errc::timed_out, "the " + impl_->name + " threads took too long");
  co_return Result<void>{};
}

}  // namespace openunison::net
