// SPDX-License-Identifier: Apache-2.0
//
// Which database stands there: a table of what the two copies of the counter can say, every crash
// point of moving them on, and the stories that an operator lives through.
#include "store/continuity.h"

#include <fstream>
#include <iterator>

#include "base/metrics.h"
#include "store/conformance.h"
#include "store/inspection.h"
#include "store/sqlite_connection.h"

namespace openunison::store {
namespace {

using State = Counter::State;

struct Judged {
  const char* what;
  std::optional<Mark> database;
  Counter counter;
  Standing standing;
};

TEST(ContinuityJudge, EveryPairOfCopies) {
  const std::vector<Judged> table = {
      {"a new directory", std::nullopt, {State::absent, {}}, Standing::first},
      {"cut at the very first step", Mark{7, 1}, {State::absent, {}}, Standing::interrupted},
      {"the file was removed", Mark{7, 2}, {State::absent, {}}, Standing::no_counter},
      {"equal", Mark{7, 5}, {State::read, {7, 5}}, Standing::same},
      {"cut between the copies", Mark{7, 6}, {State::read, {7, 5}}, Standing::interrupted},
      {"behind by one", Mark{7, 4}, {State::read, {7, 5}}, Standing::older_database},
      {"far behind", Mark{7, 1}, {State::read, {7, 500}}, Standing::older_database},
      {"ahead by two", Mark{7, 7}, {State::read, {7, 5}}, Standing::older_counter},
      {"another one", Mark{8, 5}, {State::read, {7, 5}}, Standing::other_database},
      {"another one, ahead by one", Mark{8, 6}, {State::read, {7, 5}}, Standing::other_database},
      {"a new one", std::nullopt, {State::read, {7, 5}}, Standing::other_database},
      {"a damaged file", Mark{7, 5}, {State::damaged, {}}, Standing::damaged_counter},
      {"damaged file, new database", std::nullopt, {State::damaged, {}}, Standing::damaged_counter},
  };
  for (const Judged& each : table)
    EXPECT_EQ(judge(each.database, each.counter), each.standing) << each.what;
}

class ContinuityTest : public ::testing::Test, protected Records {
 protected:
  template <class T>
  T run(Task<T> task) {
    return runtime_.block_on(std::move(task));
  }

  // A start of the server; gives how it stood.
  Standing start() {
    stop();
    auto store = sqlite_store(file_);
    EXPECT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
    continuity_.emplace(*store_, counter_, master_, random);
    const auto standing = run(continuity_->start());
    EXPECT_TRUE(standing) << standing.error().message();
    return standing ? *standing : Standing::other_database;
  }
  // A kill: nothing is moved on.
  void stop() {
    continuity_.reset();
    store_.reset();
  }
  Result<std::string> inspect_stopped() {
    stop();
    return inspect(file_, counter_, master_);
  }
  // As on SIGTERM.
  void stop_well() {
    EXPECT_TRUE(run(continuity_->advance()));
    stop();
  }
  Session open_client() {
    SignIn owner = sign_in();
    Session session = client(owner);
    EXPECT_TRUE(run(store_->open(owner, session)));
    return session;
  }
  bool lives(const Session& session) { return run(store_->find(session.id, now)).has_value(); }

  void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  }

  static crypto::MasterKey master_key(char fill) {
    std::string key = "0000000000000000000000000000000000000000000=";
    key[0] = fill;
    return *crypto::MasterKey::create(Secret(std::move(key)));
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.file("sessions.db");
  std::string counter_ = directory_.file("sessions.counter");
  crypto::MasterKey master_ = master_key('A');
  net::Runtime runtime_{1};
  std::unique_ptr<DurableStore> store_;
  std::optional<Continuity> continuity_;
};

TEST_F(ContinuityTest, SessionsSurviveStopsKillsAndMinutes) {
  EXPECT_EQ(start(), Standing::first);
  const Session session = open_client();
  EXPECT_EQ(start(), Standing::same);
  EXPECT_TRUE(run(continuity_->advance()));
  stop_well();
  EXPECT_EQ(start(), Standing::same);
  EXPECT_TRUE(lives(session));
  EXPECT_EQ(continuity_->notice(), "");
}

TEST_F(ContinuityTest, AnOlderDatabaseThatIsPutBackEndsAllSessionsAndIsSaid) {
  start();
  const Session session = open_client();
  stop_well();
  copy(file_, directory_.file("backup.db"));
  start();
  Selector all;
  all.all = true;
  ASSERT_TRUE(run(store_->end(all, now)));
  stop();
  copy(directory_.file("backup.db"), file_);
  std::filesystem::remove(file_ + "-wal");

  EXPECT_EQ(start(), Standing::older_database);
  EXPECT_FALSE(lives(session)) << "a session that had been ended lives again";
  EXPECT_EQ(run(store_->count()), SessionCounts());
  EXPECT_NE(continuity_->notice().find("older session database was put back"), std::string::npos);
  // Once only.
  const Session next = open_client();
  EXPECT_EQ(start(), Standing::same);
  EXPECT_TRUE(lives(next));
}

TEST_F(ContinuityTest, ACopyFromTheSameRunIsOlderAfterAMinuteAndAfterTheStop) {
  for (const bool well : {false, true}) {
    SCOPED_TRACE(well ? "after the stop" : "after a minute");
    start();
    const Session session = open_client();
    // Through SQLite, as the guide says, so that the log is in it.
    ASSERT_TRUE((*sqlite::Connection::open(file_))
                    ->execute(("VACUUM INTO '" + directory_.file("backup.db") + "'").c_str()));
    if (well) stop_well();
    if (!well) ASSERT_TRUE(run(continuity_->advance()));
    stop();
    std::filesystem::rename(directory_.file("backup.db"), file_);
    std::filesystem::remove(file_ + "-wal");
    EXPECT_EQ(start(), Standing::older_database);
    EXPECT_FALSE(lives(session));
  }
}

TEST_F(ContinuityTest, ALogThatWasRemovedIsAnOlderDatabase) {
  start();
  stop_well();
  start();
  const Session session = open_client();
  // What a killed server leaves.
  copy(file_, directory_.file("killed.db"));
  stop();
  copy(directory_.file("killed.db"), file_);
  EXPECT_EQ(start(), Standing::older_database);
  EXPECT_FALSE(lives(session));
}

TEST_F(ContinuityTest, AnotherDatabaseALostFileAndADamagedFileEndAllSessions) {
  const auto damage = [this] {
    std::fstream file(counter_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('x');
  };
  const auto remove = [this] { std::filesystem::remove(counter_); };
  const auto exchange = [this] {
    std::filesystem::remove(file_);
    std::filesystem::copy_file(directory_.file("other.db"), file_);
  };
  const auto change_key = [this] { master_ = master_key('B'); };
  struct Case {
    std::function<void()> change;
    Standing standing;
  };
  for (const Case& each :
       {Case{damage, Standing::damaged_counter}, Case{remove, Standing::no_counter},
        Case{exchange, Standing::other_database}, Case{change_key, Standing::damaged_counter}}) {
    SCOPED_TRACE(name(each.standing));
    if (!std::filesystem::exists(directory_.file("other.db"))) {
      start();
      open_client();
      stop_well();
      std::filesystem::rename(file_, directory_.file("other.db"));
      remove();
    }
    start();
    start();
    open_client();
    stop_well();
    each.change();
    EXPECT_EQ(start(), each.standing);
    EXPECT_EQ(run(store_->count()), SessionCounts());
    EXPECT_NE(continuity_->notice(), "");
    EXPECT_EQ(start(), Standing::same);
  }
}

// Every place at which a move can be cut, by what stands in the two places then. The file is
// replaced by a rename, so that it is the former one or the next.
TEST_F(ContinuityTest, NoCrashPointOfAMoveEndsSessions) {
  for (const bool database_moved : {false, true}) {
    for (const bool temporary_left : {false, true}) {
      for (const bool file_moved : {false, true}) {
        if (file_moved && !database_moved) continue;  // the order of the two
        SCOPED_TRACE("database " + std::to_string(database_moved) + " temporary " +
                     std::to_string(temporary_left) + " file " + std::to_string(file_moved));
        start();
        const Session session = open_client();
        const Mark mark = **run(store_->mark());
        const Mark next{mark.database, mark.number + 1};
        if (database_moved) ASSERT_TRUE(run(store_->set_mark(next)));
        if (temporary_left) std::ofstream(counter_ + ".new") << "half";
        if (file_moved) ASSERT_TRUE(CounterFile(counter_, master_).write(next, random));
        EXPECT_TRUE(is_trusted(start()));
        EXPECT_TRUE(lives(session));
        EXPECT_EQ(start(), Standing::same);
        EXPECT_TRUE(lives(session));
      }
    }
  }
}

TEST_F(ContinuityTest, NoCrashPointOfTheFirstStartOrOfAnEndingBringsAnAlarmTooMany) {
  // The very first pair of writes, cut in between.
  start();
  stop();
  std::filesystem::remove(counter_);
  EXPECT_EQ(start(), Standing::interrupted);
  // Sessions that end because of an older database, cut before the file is written: none are left,
  // and the next start is quiet.
  const Mark mark = **run(store_->mark());
  ASSERT_TRUE(CounterFile(counter_, master_).write({mark.database, mark.number + 5}, random));
  open_client();
  ASSERT_TRUE(run(store_->forget_all({mark.database, mark.number + 6})));
  EXPECT_EQ(start(), Standing::interrupted);
  EXPECT_EQ(run(store_->count()), SessionCounts());
}

TEST_F(ContinuityTest, AFileThatCantBeWrittenEndsNothingAndIsCaughtUp) {
  start();
  const Session session = open_client();
  const auto writable = [] {
    return metrics::expose().find("\nopenunison_store_mark_writable 1\n") != std::string::npos;
  };
  EXPECT_TRUE(writable());
  std::filesystem::create_directory(counter_ + ".new");  // in the way of the temporary file
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(failed_with(run(continuity_->advance()), Errc::unavailable));
  EXPECT_FALSE(writable());
  EXPECT_EQ(start(), Standing::interrupted) << "ahead by one, however often it failed";
  EXPECT_EQ(start(), Standing::interrupted);
  EXPECT_TRUE(lives(session));
  std::filesystem::remove(counter_ + ".new");
  EXPECT_TRUE(run(continuity_->advance()));
  EXPECT_TRUE(writable());
  EXPECT_EQ(start(), Standing::same);
  EXPECT_TRUE(lives(session));
}

// SQLite takes what it can of a damaged log, and after that the log looks sound: a start that finds
// the damage and fails must not be the only one that knew.
TEST_F(ContinuityTest, ADamagedLogIsKnownUntilTheSessionsHaveEnded) {
  start();
  std::vector<Session> sessions;
  for (int i = 0; i < 6; ++i) sessions.push_back(open_client());
  const std::string log = file_ + "-wal";
  copy(file_, directory_.file("killed.db"));
  copy(log, directory_.file("killed.db-wal"));
  stop();
  copy(directory_.file("killed.db"), file_);
  copy(directory_.file("killed.db-wal"), log);
  {
    std::fstream bytes(log, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(std::filesystem::file_size(log) / 2));
    bytes << "damaged!";
  }
  EXPECT_NE(*inspect(file_, counter_, master_), "");

  // The note of it can't be written: SQLite isn't let near the database.
  std::filesystem::create_directory(file_ + "-damaged.d");
  std::filesystem::create_directory_symlink(file_ + "-damaged.d", file_ + "-damaged");
  EXPECT_TRUE(failed_with(sqlite_store(file_), Errc::unavailable));
  std::filesystem::remove(file_ + "-damaged");
  // Opened, by way of a link as volumes are, and dead before anything was ended.
  const std::string linked = directory_.file("linked");
  std::filesystem::create_directory_symlink(std::filesystem::path(file_).parent_path(), linked);
  ASSERT_TRUE(sqlite_store(linked + '/' + std::filesystem::path(file_).filename().string()));
  EXPECT_TRUE((*sqlite_store(file_))->lost_acknowledged());
  EXPECT_NE(inspect(file_, counter_, master_)->find("damaged"), std::string::npos);

  EXPECT_EQ(start(), Standing::damaged_log);
  for (const Session& session : sessions) EXPECT_FALSE(lives(session));
  EXPECT_EQ(start(), Standing::same) << "once only";
  EXPECT_EQ(*inspect_stopped(), "");
}

TEST_F(ContinuityTest, WhereSessionsMustEndAndTheFileCantBeWrittenNobodyIsLetIn) {
  start();
  open_client();
  stop_well();
  std::filesystem::remove(counter_);
  std::filesystem::create_directory(counter_ + ".new");
  auto store = sqlite_store(file_);
  ASSERT_TRUE(store);
  store_ = std::move(*store);
  continuity_.emplace(*store_, counter_, master_, random);
  EXPECT_TRUE(failed_with(run(continuity_->start()), Errc::unavailable));
}

// `openunison check --state`: says it, and changes nothing of it.
TEST_F(ContinuityTest, AnInspectionSaysWhatTheNextStartWillDo) {
  const auto said = [this] {
    const auto found = inspect(file_, counter_, master_);
    return found ? *found : found.error().message();
  };
  start();
  EXPECT_NE(said().find("another server"), std::string::npos) << said();
  stop_well();
  EXPECT_EQ(said(), "");
  copy(file_, directory_.file("backup.db"));
  start();
  const Session session = open_client();
  stop();
  EXPECT_EQ(said(), "");
  start();
  EXPECT_TRUE(lives(session));
  stop();
  copy(directory_.file("backup.db"), file_);
  std::filesystem::remove(file_ + "-wal");
  for (int i = 0; i < 2; ++i)
    EXPECT_NE(said().find("older session database"), std::string::npos) << said();
  EXPECT_EQ(start(), Standing::older_database);
  stop();
  EXPECT_EQ(said(), "");
  std::fstream bytes(file_, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(4'096);
  bytes << std::string(8'192, 'Z');
  bytes.close();
  EXPECT_NE(said().find("damaged"), std::string::npos) << said();
  for (const char* each : {"", "-wal", "-shm"}) std::filesystem::remove(file_ + each);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(said(), "the session database is gone");
  EXPECT_FALSE(std::filesystem::exists(file_)) << "a look makes none";
  EXPECT_EQ(start(), Standing::other_database);
}

}  // namespace
}  // namespace openunison::store
