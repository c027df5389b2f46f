// SPDX-License-Identifier: Apache-2.0
//
// The store in an SQLite database: steps that write go to the writer's thread, reads to a small
// pool with a connection each. Uses of web sessions are noted in memory and written with whatever
// comes next.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "store/damage_note.h"
#include "store/file_lock.h"
#include "store/sqlite_operations.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_schema.h"
#include "store/sqlite_writer.h"
#include "store/stores.h"

namespace openunison::store {
namespace {

using sqlite::Connection;

constexpr unsigned kReaders = 2;
constexpr std::size_t kMaxReads = 4'096;
constexpr Seconds kLongestRead{10};

// Readers' connections, each used by one thread at a time.
class Readers {
 public:
  void put(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
  }
  // There are as many as threads.
  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex_);
    auto connection = std::move(free_.back());
    free_.pop_back();
    return connection;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> free_;
};

class SqliteStore final : public DurableStore {
 public:
  SqliteStore(std::string file, FileLock lock, std::unique_ptr<Readers> readers,
              std::unique_ptr<Connection> writer, std::unique_ptr<Connection> checkpointer,
              bool lost_acknowledged)
      : file_(std::move(file)),
        lock_(std::move(lock)),
        lost_acknowledged_(lost_acknowledged),
        writer_(std::move(writer), std::move(checkpointer), touches_),
        readers_(std::move(readers)),
        pool_("session database", kReaders, kMaxReads) {}

  Task<Result<void>> open(SignIn sign_in, Session first) override {
    CHECK(first.sign_in == sign_in.id);
    return write([sign_in = std::move(sign_in), first = std::move(first)](sqlite::Context context) {
      return sqlite::open(context, sign_in, first);
    });
  }
  Task<Result<void>> add(Session session, std::optional<Redemption> code, WallTime now) override {
    return write([session = std::move(session), code, now](sqlite::Context context) {
      return sqlite::add(context, session, code, now);
    });
  }
  Task<Result<SessionId>> redeemed_by(CodeId code, WallTime now) override {
    return read(
        [code, now](sqlite::Context context) { return sqlite::redeemed_by(context, code, now); });
  }

  Task<Result<Live>> find(SessionId id, WallTime now) override {
    return read([id, now](sqlite::Context context) { return sqlite::find(context, id, now); });
  }
  Task<Result<Live>> find_web(std::string token_hash, WallTime now) override {
    return read([token_hash = std::move(token_hash), now](sqlite::Context context) {
      return sqlite::find_web(context, token_hash, now);
    });
  }
  Task<Result<SignIn>> find_sign_in(SignInId id, WallTime now) override {
    return read(
        [id, now](sqlite::Context context) { return sqlite::find_sign_in(context, id, now); });
  }

  Task<Result<Rotated>> rotate(RotateRequest request) override {
    return write([request = std::move(request)](sqlite::Context context) {
      return sqlite::rotate(context, request);
    });
  }
  Task<Result<void>> touch(SessionId id, WallTime now) override {
    const auto found = co_await find(id, now);
    if (!found) co_return std::unexpected(found.error());
    touches_.note(id, now);
    writer_.wake_for_touches();
    co_return Result<void>{};
  }
  Task<Result<std::uint64_t>> update(SignIn sign_in, WallTime now) override {
    return write([sign_in = std::move(sign_in), now](sqlite::Context context) {
      return sqlite::update(context, sign_in, now);
    });
  }

  Task<Result<std::vector<Live>>> end(Selector selector, WallTime now) override {
    return write([selector = std::move(selector), now](sqlite::Context context) {
      return sqlite::end(context, selector, now);
    });
  }
  Task<Result<std::vector<Live>>> list(Selector selector, std::size_t limit,
                                       WallTime now) override {
    return read([selector = std::move(selector), limit, now](sqlite::Context context) {
      return sqlite::list(context, selector, limit, now);
    });
  }

  Task<Result<std::size_t>> sweep(WallTime now, std::size_t limit) override {
    for (;;) {
      auto swept = co_await write(
          [now, limit](sqlite::Context context) { return sqlite::sweep(context, now, limit); });
      if (!swept) co_return std::unexpected(swept.error());
      // Sessions that were used since cost a step of their own, so that others get their turn in
      // between.
      if (swept->deleted > 0 || swept->examined == 0) co_return swept->deleted;
    }
  }
  Task<Result<SessionCounts>> count() override {
    return read([](sqlite::Context context) { return sqlite::count_sessions(context.connection); });
  }
  Task<Result<void>> probe() override {
    auto written = co_await write([](sqlite::Context context) -> Result<std::int64_t> {
      const auto last = TRY(sqlite::read_number(context.connection, "probe"));
      const std::int64_t next = last.value_or(0) + 1;
      TRY_VOID(sqlite::write_number(context.connection, "probe", next));
      return next;
    });
    if (!written) co_return std::unexpected(written.error());
    const auto found = co_await read(
        [](sqlite::Context context) { return sqlite::read_number(context.connection, "probe"); });
    if (!found) co_return std::unexpected(found.error());
    if (found->value_or(0) < *written)
      co_return fail(Errc::unavailable, "the session database doesn't give back what was written");
    co_return Result<void>{};
  }

  Task<Result<std::optional<Mark>>> mark() override {
    return read([](sqlite::Context context) { return sqlite::read_mark(context.connection); });
  }
  Task<Result<void>> set_mark(Mark mark) override {
    return write(
        [mark](sqlite::Context context) { return sqlite::write_mark(context.connection, mark); });
  }
  Task<Result<std::size_t>> forget_all(Mark mark) override {
    auto forgotten = co_await write([mark](sqlite::Context context) -> Result<std::size_t> {
      const std::size_t count = TRY(sqlite::delete_all(context.connection));
      TRY_VOID(sqlite::write_mark(context.connection, mark));
      return count;
    });
    if (!forgotten) co_return forgotten;
    const auto done = forget_damage(file_);
    if (!done) co_return std::unexpected(done.error());
    co_return forgotten;
  }
  bool lost_acknowledged() const override { return lost_acknowledged_; }
  std::optional<Error> fault() const override { return writer_.fault(); }

 private:
  template <class F, class R = std::invoke_result_t<const F&, sqlite::Context>>
  Task<R> write(F f) {
    return writer_.run([f = std::move(f), &touches = touches_](Connection& connection) {
      return f(sqlite::Context{connection, touches});
    });
  }

  template <class F, class R = std::invoke_result_t<const F&, sqlite::Context>>
  Task<R> read(F f) {
    auto job = [f = std::move(f), this]() -> R {
      std::unique_ptr<Connection> connection = readers_->take();
      const sqlite::Context context{*connection, touches_};
      const std::uint64_t epoch = touches_.epoch();
      R result = f(context);
      if (epoch != touches_.epoch()) {
        const Touches::Hold hold(touches_);
        result = f(context);
      }
      if (!result && connection->trouble() == sqlite::Trouble::corrupt)
        writer_.note_damage(result.error());
      readers_->put(std::move(connection));
      return result;
    };
    R result = co_await pool_.run(std::move(job), net::in(kLongestRead));
    const bool pool_failed =
        !result && (result.error().is(net::Errc::busy) || result.error().is(net::Errc::timed_out));
    if (pool_failed) co_return fail(Errc::unavailable, result.error().message());
    co_return result;
  }

  const std::string file_;
  const FileLock lock_;
  const bool lost_acknowledged_;
  Touches touches_;
  sqlite::Writer writer_;
  std::unique_ptr<Readers> readers_;
  net::WorkPool pool_;  // ends first
};

// An empty file of mode 0600 where there is none. SQLite gives the files beside it the same mode.
Result<void> ensure_file(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool good = descriptor >= 0;
  if (good) {
    struct stat status{};
    good = ::fstat(descriptor, &status) == 0;
    if (good && (status.st_mode & 077) != 0) good = ::fchmod(descriptor, 0600) == 0;
  }
  const int cause = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (good) return {};
  return fail(Errc::unavailable, file + " can't be opened for writing: " + std::strerror(cause) +
                                     "; check its owner and the directory's");
}

}  // namespace

Result<std::unique_ptr<DurableStore>> sqlite_store(const std::string& file) {
  FileLock lock = TRY(FileLock::take(file + ".lock"));
  TRY_VOID(ensure_file(file));
  // Before SQLite takes what it can of the log.
  const bool damaged = TRY(damaged_log(file));
  auto writer = TRY(Connection::open(file));
  TRY_VOID(sqlite::migrate(*writer, sqlite::migrations()));
  auto checkpointer = TRY(Connection::open(file));
  auto readers = std::make_unique<Readers>();
  for (unsigned i = 0; i < kReaders; ++i) readers->put(TRY(Connection::open(file)));
  return std::make_unique<SqliteStore>(file, std::move(lock), std::move(readers), std::move(writer),
                                       std::move(checkpointer), damaged);
}

}  // namespace openunison::store
