// SPDX-License-Identifier: Apache-2.0
//
// What the conformance suite can't see: files, reopening, a database that isn't ours, a disk that
// refuses.
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "base/metrics.h"
#include "store/conformance.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_schema.h"

namespace openunison::store {
namespace {

std::string read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

class SqliteStore : public ::testing::Test, protected Records {
 protected:
  void open() {
    auto store = sqlite_store(file_);
    ASSERT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
  }
  void reopen() {
    store_.reset();
    open();
  }
  Error refusal() {
    auto store = sqlite_store(file_);
    EXPECT_FALSE(store);
    return store ? Error(Errc::not_found, "") : store.error();
  }
  template <class T>
  T run(Task<T> task) {
    return runtime_.block_on(std::move(task));
  }
  Live open_client() {
    SignIn owner = sign_in();
    Session session = client(owner);
    EXPECT_TRUE(run(store_->open(owner, session)));
    return {std::move(session), std::move(owner)};
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.file("sessions.db");
  net::Runtime runtime_{1};
  std::unique_ptr<SessionStore> store_;
};

TEST_F(SqliteStore, WhatWasAcknowledgedIsThereAfterReopening) {
  open();
  const Live live = open_client();
  const Session family = client(live.sign_in);
  const SessionStore::Redemption code{random.id<CodeTag>(), now + Seconds(600)};
  ASSERT_TRUE(run(store_->add(family, code, now)));
  const auto rotated = run(store_->rotate(rotate_request(live.session, 1)));
  SignIn changed = live.sign_in;
  changed.user = "renamed";
  ASSERT_EQ(run(store_->update(changed, now)), std::uint64_t{2});
  const Live over = open_client();
  Selector ended;
  ended.session = over.session.id;
  ASSERT_TRUE(run(store_->end(ended, now)));

  reopen();
  const auto found = run(store_->find(live.session.id, now));
  ASSERT_TRUE(found && rotated);
  EXPECT_TRUE(same(found->session, rotated->live.session));
  EXPECT_EQ(found->sign_in.user, "renamed");
  EXPECT_EQ(run(store_->redeemed_by(code.code, now)), family.id);
  EXPECT_TRUE(failed_with(run(store_->add(client(live.sign_in), code, now)), Errc::already_used));
  EXPECT_TRUE(failed_with(run(store_->find(over.session.id, now)), Errc::not_found));
  EXPECT_TRUE(failed_with(run(store_->rotate(rotate_request(over.session, 1))), Errc::not_found));
  const auto repeated = run(store_->rotate(rotate_request(live.session, 1)));
  ASSERT_TRUE(repeated);
  EXPECT_EQ(repeated->outcome, Rotated::Outcome::repeated);
}

TEST_F(SqliteStore, UsesAreWrittenWhenItCloses) {
  open();
  const Live live = open_client();
  now += Seconds(100);
  ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  reopen();
  const auto found = run(store_->find(live.session.id, now));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session.last_used_at, now);
}

TEST_F(SqliteStore, AUseIsWrittenWithTheNextStep) {
  open();
  const Live live = open_client();
  now += Seconds(100);
  ASSERT_TRUE(run(store_->touch(live.session.id, now)));
  ASSERT_TRUE(run(store_->probe()));
  auto connection = sqlite::Connection::open(file_);
  ASSERT_TRUE(connection);
  sqlite::Query query(**connection, "SELECT last_used_at FROM session_use");
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.integer_at(0), now.time_since_epoch().count());
}

TEST_F(SqliteStore, ASecondServerIsRefusedWhileTheFirstRuns) {
  open();
  const Error error = refusal();
  EXPECT_TRUE(error.is(Errc::in_use));
  EXPECT_NE(error.message().find(file_ + ".lock"), std::string::npos) << error.message();
  EXPECT_NE(error.message().find("another server"), std::string::npos) << error.message();
  EXPECT_TRUE(run(store_->probe()));
  reopen();
}

TEST_F(SqliteStore, ItsFilesAreForTheOwnerAlone) {
  const mode_t mask = ::umask(0);
  write_file(file_, "");
  ::chmod(file_.c_str(), 0664);
  open();
  open_client();
  ::umask(mask);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status{};
    ASSERT_EQ(::stat((file_ + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteStore, AMissingDirectoryIsNamed) {
  file_ = directory_.file("missing/sessions.db");
  const Error error = refusal();
  EXPECT_TRUE(error.is(Errc::unavailable));
  EXPECT_NE(error.message().find(file_), std::string::npos) << error.message();
}

// --- Not ours ---

TEST_F(SqliteStore, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text(5'000, 'x');
  write_file(file_, text);
  const Error error = refusal();
  EXPECT_TRUE(error.is(Errc::bad_database)) << error.message();
  EXPECT_NE(error.message().find("isn't an SQLite database"), std::string::npos) << error.message();
  EXPECT_EQ(read_file(file_), text);
}

TEST_F(SqliteStore, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  for (const char* sql :
       {"CREATE TABLE notes (text)", "PRAGMA application_id = 77", "PRAGMA user_version = 1"}) {
    write_file(file_, "");
    ASSERT_TRUE((*sqlite::Connection::open(file_))->execute(sql));
    const std::string before = read_file(file_);
    const Error error = refusal();
    EXPECT_TRUE(error.is(Errc::bad_database)) << error.message();
    EXPECT_NE(error.message().find("another program"), std::string::npos) << error.message();
    EXPECT_EQ(read_file(file_), before) << sql;
    std::filesystem::remove(file_);
  }
}

TEST_F(SqliteStore, ANewerDatabaseIsRefusedAndLeftAlone) {
  open();
  open_client();
  store_.reset();
  ASSERT_TRUE((*sqlite::Connection::open(file_))->execute("PRAGMA user_version = 1000"));
  const std::string before = read_file(file_);
  const Error error = refusal();
  EXPECT_TRUE(error.is(Errc::bad_database)) << error.message();
  EXPECT_NE(error.message().find("newer program"), std::string::npos) << error.message();
  EXPECT_EQ(read_file(file_), before);
}

TEST_F(SqliteStore, ADamagedHeaderIsRefused) {
  open();
  open_client();
  store_.reset();
  std::string bytes = read_file(file_);
  bytes.replace(0, 100, 100, '\x5a');
  write_file(file_, bytes);
  EXPECT_TRUE(refusal().is(Errc::bad_database));
}

TEST_F(SqliteStore, DamageInsideIsNotTakenForAnEnd) {
  open();
  const Live live = open_client();
  store_.reset();
  std::string bytes = read_file(file_);
  bytes.replace(4096, bytes.size() - 4096, bytes.size() - 4096, '\x5a');
  write_file(file_, bytes);
  open();
  const auto found = run(store_->find(live.session.id, now));
  EXPECT_TRUE(failed_with(found, Errc::unavailable));
  EXPECT_NE(found.error().message().find("damaged"), std::string::npos) << found.error().message();
  EXPECT_TRUE(failed_with(run(store_->rotate(rotate_request(live.session, 1))), Errc::unavailable));
}

// --- Versions ---

TEST_F(SqliteStore, MigrationsRunOnceInOrderAndAFailedOneLeavesTheVersionBefore) {
  write_file(file_, "");
  auto connection = sqlite::Connection::open(file_);
  ASSERT_TRUE(connection);
  sqlite::Connection& db = **connection;
  const std::vector<const char*> one = {"CREATE TABLE a (x); INSERT INTO a VALUES (1)"};
  ASSERT_TRUE(sqlite::migrate(db, one));
  ASSERT_TRUE(sqlite::migrate(db, one));  // nothing is left to do

  const std::vector<const char*> broken = {
      one[0], "UPDATE a SET x = 2; CREATE TABLE b (y); SELECT nothing FROM nowhere"};
  EXPECT_TRUE(failed_with(sqlite::migrate(db, broken), Errc::unavailable));
  const std::vector<const char*> three = {one[0], "UPDATE a SET x = x + 10; CREATE TABLE b (y)",
                                          "INSERT INTO b SELECT x FROM a"};
  ASSERT_TRUE(sqlite::migrate(db, three));
  sqlite::Query query(db, "SELECT y FROM b");
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.integer_at(0), 11);
  EXPECT_TRUE(failed_with(sqlite::migrate(db, one), Errc::bad_database));
}

// --- A disk that refuses ---

// No file of this process grows while it lives: as on a full disk.
class NoGrowth {
 public:
  explicit NoGrowth(const std::string& file) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::filesystem::file_size(file);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~NoGrowth() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST_F(SqliteStore, ADiskThatRefusesIsSaidAndNothingIsChangedAndItRecovers) {
  open();
  const Live live = open_client();
  {
    const NoGrowth full(file_ + "-wal");
    EXPECT_TRUE(
        failed_with(run(store_->rotate(rotate_request(live.session, 1))), Errc::unavailable));
    const SignIn owner = sign_in();
    EXPECT_TRUE(failed_with(run(store_->open(owner, client(owner))), Errc::unavailable));
    Selector all;
    all.all = true;
    EXPECT_TRUE(failed_with(run(store_->end(all, now)), Errc::unavailable));
    EXPECT_TRUE(failed_with(run(store_->probe()), Errc::unavailable));
    const auto found = run(store_->find(live.session.id, now));  // reading goes on
    ASSERT_TRUE(found);
    EXPECT_TRUE(same(found->session, live.session));
  }
  EXPECT_TRUE(run(store_->probe()));
  const auto rotated = run(store_->rotate(rotate_request(live.session, 1)));
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->outcome, Rotated::Outcome::rotated);
  reopen();
  const auto found = run(store_->find(live.session.id, now));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session.generation, 2u);
  EXPECT_NE(metrics::expose().find("openunison_store_errors_total{reason="), std::string::npos);
}

TEST_F(SqliteStore, TheLogIsWrittenBackWhileItRuns) {
  open();
  SignIn large = open_client().sign_in;
  for (int i = 0; i < 500; ++i) {
    large.principal = random.bytes(100'000);
    const auto version = run(store_->update(large, now));
    ASSERT_TRUE(version);
    large.version = *version;
  }
  EXPECT_LT(std::filesystem::file_size(file_ + "-wal"), 16u << 20);  // of 50 MiB that were written
}

}  // namespace
}  // namespace openunison::store
