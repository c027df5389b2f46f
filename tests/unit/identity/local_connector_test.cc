// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <future>
#include <limits>

#include "crypto/password.h"
#include "failed_with.h"
#include "identity/connectors.h"
#include "identity/users_file.h"
#include "temporary_directory.h"

namespace openunison::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LocalConnectorTest : public ::testing::Test {
 protected:
  LocalConnectorTest() {
    alice_ = user("alice", "wonderland");
    alice_.display_name = "Alice Ice";
    alice_.email = "alice@example.com";
    alice_.groups = {"ops", "dev"};
    bob_ = user("bob", "builder");
    save();
    connector_ = make(pool_);
  }

  std::unique_ptr<Connector> make(net::WorkPool& passwords, config::ClaimNames claims = {}) {
    LocalConnectorOptions options;
    options.settings.name = "local";
    options.settings.kind = config::ProviderKind::local;
    options.settings.claims = std::move(claims);
    options.users_file = file_;
    options.passwords = &passwords;
    options.lookups = &lookups_;
    options.random = &random_;
    options.clock = &clock_;
    return local_connector(std::move(options));
  }

  LocalUser user(std::string name, std::string password) {
    LocalUser result;
    result.name = std::move(name);
    result.password_hash = crypto::hash_password(Secret(std::move(password)), random_, {64, 1, 1});
    return result;
  }
  void save() { ASSERT_TRUE(write_users(file_, {alice_, bob_})); }
  Result<Identity> check(std::string name, std::string password,
                         std::string address = "192.0.2.1") {
    return runtime_.block_on(connector_->password()->check(
        std::move(name), Secret(std::move(password)), std::move(address)));
  }
  Result<Identity> reread(std::string subject) {
    return runtime_.block_on(connector_->reread(std::move(subject), Grant(), net::in(Seconds(10))));
  }
  Connector::Health health() { return runtime_.block_on(connector_->health(net::in(Seconds(10)))); }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.file("users.yaml");
  ManualClock clock_;
  crypto::SeededRandom random_{7};
  net::Runtime runtime_{1};
  net::WorkPool pool_{"password", 1, 16}, lookups_{"users", 1, 16};
  LocalUser alice_, bob_;
  std::unique_ptr<Connector> connector_;
  int addresses_ = 0;
};

TEST_F(LocalConnectorTest, StandardClaimsOfTheFileComeWithTheIdentityAndItsReReads) {
  alice_.claims.set("nickname", "Al");
  alice_.claims.set("acr", "urn:example:silver");
  text::Json address;
  address.set("country", "US");
  alice_.claims.set("address", address);
  save();
  for (const auto& identity : {check("alice", "wonderland"), reread("alice")}) {
    ASSERT_TRUE(identity) << identity.error().message();
    EXPECT_EQ(identity->acr, "urn:example:silver");
    EXPECT_EQ(*identity->claims.find_string("nickname"), "Al");
    EXPECT_EQ(*identity->claims.find("address"), address);
    EXPECT_EQ(identity->claims.find("acr"), nullptr);
    const auto principal = map_identity(*identity, connector_->settings(), config::Values());
    ASSERT_TRUE(principal);
    EXPECT_EQ(principal->acr, "urn:example:silver");
    EXPECT_EQ(*text::Json::parse(principal->claims)->find("address"), address);
  }
  EXPECT_EQ(check("bob", "builder")->acr, "");
}

// Where values read the address from a claim that the user's `claims` may have too.
TEST_F(LocalConnectorTest, ClaimsOfTheFileStandInForNoKeyThatAUserLacks) {
  bob_.claims.set("nickname", "root@example.com");
  save();
  config::ClaimNames names;
  names.email = "nickname";
  connector_ = make(pool_, names);
  const auto identity = check("bob", "builder");
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->claims.find("nickname"), nullptr);
  const auto principal = map_identity(*identity, connector_->settings(), config::Values());
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->email, "");
}

TEST_F(LocalConnectorTest, RightPasswordGivesTheIdentity) {
  const auto identity = check("alice", "wonderland");
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->provider, "local");
  EXPECT_EQ(identity->subject, "alice");
  EXPECT_EQ(identity->authenticated_at, clock_.now());
  EXPECT_THAT(identity->amr, ElementsAre("pwd"));
  EXPECT_TRUE(identity->recheckable);
  EXPECT_TRUE(identity->grant && identity->grant->refresh_token.empty());

  const auto principal = map_identity(*identity, connector_->settings(), config::Values());
  ASSERT_TRUE(principal) << principal.error().message();
  EXPECT_EQ(principal->user, "alice");
  EXPECT_EQ(principal->display_name, "Alice Ice");
  EXPECT_EQ(principal->email, "alice@example.com");
  EXPECT_EQ(principal->email_verified, true);
  EXPECT_THAT(principal->groups, ElementsAre("dev", "ops"));
}

TEST_F(LocalConnectorTest, IsAPasswordConnector) {
  EXPECT_EQ(connector_->redirect(), nullptr);
  EXPECT_EQ(connector_->name(), "local");
}

TEST_F(LocalConnectorTest, EveryRefusalReadsTheSame) {
  bob_.disabled = true;
  save();
  std::vector<std::pair<std::string, std::string>> cases = {{"alice", "wrong"},
                                                            {"alice", ""},
                                                            {"Alice", "wonderland"},
                                                            {"nobody", "wonderland"},
                                                            {"bob", "builder"},
                                                            {"", "wonderland"},
                                                            {"alice", std::string(5'000, 'x')},
                                                            {std::string(5'000, 'u'), "x"}};
  int number = 0;
  for (const auto& [name, password] : cases) {
    const auto refused = check(name, password, "198.51.100." + std::to_string(++number));
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(failed_with(refused, Errc::wrong_password)) << name << refused.error().message();
    EXPECT_EQ(refused.error().message(), "user name or password is wrong");
  }
}

TEST_F(LocalConnectorTest, ChangesOfTheFileCountWithinASecond) {
  ASSERT_TRUE(check("alice", "wonderland"));
  alice_.password_hash = user("alice", "looking-glass").password_hash;
  save();
  EXPECT_TRUE(check("alice", "wonderland")) << "looked at once a second at most";
  clock_.advance(Millis(1'000));
  EXPECT_FALSE(check("alice", "wonderland"));
  EXPECT_TRUE(check("alice", "looking-glass"));
}

TEST_F(LocalConnectorTest, BrokenFileLeavesTheFormerUsersInForce) {
  ASSERT_TRUE(check("alice", "wonderland"));
  EXPECT_EQ(health().detail, "");
  write_text(file_, "users: nonsense\n");
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(check("alice", "wonderland"));
  const auto sick = health();
  EXPECT_TRUE(sick.reachable);
  EXPECT_THAT(sick.detail, HasSubstr("users.yaml:1:8"));
  save();
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(check("alice", "wonderland"));
  EXPECT_EQ(health().detail, "");
}

// As long as it is there nothing can be opened, whoever asks.
class NoFiles {
 public:
  NoFiles() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &former_), 0);
    const rlimit none{0, former_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoFiles() { ::setrlimit(RLIMIT_NOFILE, &former_); }
  NoFiles(const NoFiles&) = delete;

 private:
  rlimit former_{};
};

// What broke once: with an owner or a mode that kept us out, or too many open files, a change was
// never seen, since nothing in the file's stamp told that it could be read again.
TEST_F(LocalConnectorTest, WhatCouldNotBeReadIsTriedAgainAndSaidOnce) {
  ASSERT_TRUE(check("bob", "builder"));
  bob_.disabled = true;
  save();
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    const NoFiles no_files;
    clock_.advance(Millis(1'000));
    EXPECT_TRUE(check("bob", "builder")) << "the former users stay in force";
    EXPECT_THAT(health().detail, HasSubstr("Too many open files"));
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  clock_.advance(Millis(1'000));
  EXPECT_FALSE(check("bob", "builder"));
  EXPECT_EQ(health().detail, "");
}

// A tool may put the time back, and write as many bytes as there were.
TEST_F(LocalConnectorTest, AChangeThatLeavesSizeAndTimeOfModificationIsSeen) {
  ASSERT_TRUE(reread("alice"));
  const auto modified = std::filesystem::last_write_time(file_);
  std::string text = read_text(file_);
  ASSERT_NE(text.find("- ops\n"), std::string::npos) << text;
  text.replace(text.find("- ops\n"), 5, "- fun");
  write_text(file_, text);
  std::filesystem::last_write_time(file_, modified);
  clock_.advance(Millis(1'000));
  const auto after = reread("alice");
  ASSERT_TRUE(after);
  const auto principal = map_identity(*after, connector_->settings(), config::Values());
  EXPECT_THAT(principal->groups, ElementsAre("dev", "fun"));
}

TEST_F(LocalConnectorTest, FileThatNeverWasReadableIsSaidAndEndsNothing) {
  write_text(file_, "users: nonsense\n");
  for (int i = 0; i < 20; ++i) {  // and costs nobody an attempt
    const auto refused = check("alice", "wonderland");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(failed_with(refused, Errc::bad_users_file)) << refused.error().message();
  }
  EXPECT_FALSE(health().reachable);
  EXPECT_TRUE(failed_with(reread("alice"), Errc::unreachable));
}

TEST_F(LocalConnectorTest, RereadTellsHowTheUserStandsNow) {
  const auto before = reread("alice");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->subject, "alice");
  EXPECT_TRUE(before->recheckable);
  alice_.groups = {"dev"};
  save();
  clock_.advance(Millis(1'000));
  const auto after = reread("alice");
  ASSERT_TRUE(after);
  const auto principal = map_identity(*after, connector_->settings(), config::Values());
  EXPECT_THAT(principal->groups, ElementsAre("dev"));

  alice_.disabled = true;
  save();
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(failed_with(reread("alice"), Errc::gone));
  EXPECT_TRUE(failed_with(reread("nobody"), Errc::gone));
}

TEST_F(LocalConnectorTest, AFileThatVanishedLeavesTheFormerUsersInForce) {
  ASSERT_TRUE(reread("alice"));
  std::filesystem::remove(file_);
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_TRUE(check("alice", "wonderland"));
}

TEST_F(LocalConnectorTest, AFileThatWasEmptiedLeavesTheFormerUsersInForce) {
  EXPECT_TRUE(check("alice", "wonderland"));
  write_text(file_, "");
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_TRUE(health().reachable);
  EXPECT_THAT(health().detail, HasSubstr("the file is empty"));
  // Said in so many words, nobody is a user any more.
  write_text(file_, "users: []\n");
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(failed_with(reread("alice"), Errc::gone));
}

TEST_F(LocalConnectorTest, AFileWithNothingButACommentLeavesTheFormerUsersInForce) {
  EXPECT_TRUE(check("alice", "wonderland"));
  write_text(file_, "# restored later\n");
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_THAT(health().detail, HasSubstr("no list of users"));
}

// A folder in its place can't be read whoever we are; that it is gone again must be noticed.
TEST_F(LocalConnectorTest, WhatCouldNotBeReadIsReadAgain) {
  EXPECT_TRUE(check("alice", "wonderland"));
  std::filesystem::rename(file_, file_ + ".kept");
  std::filesystem::create_directory(file_);
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_THAT(health().detail, Not(IsEmpty()));
  std::filesystem::remove(file_);
  std::filesystem::rename(file_ + ".kept", file_);
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_THAT(health().detail, IsEmpty());
}

// Root gives a file to the server's user without changing it otherwise.
TEST_F(LocalConnectorTest, AnOwnerOrModeThatChangedIsALookAtTheFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  EXPECT_TRUE(check("alice", "wonderland"));
  ASSERT_EQ(::chmod(file_.c_str(), 0), 0);
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_THAT(health().detail, Not(IsEmpty()));
  ASSERT_EQ(::chmod(file_.c_str(), 0600), 0);
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(reread("alice"));
  EXPECT_THAT(health().detail, IsEmpty());
}

TEST_F(LocalConnectorTest, AChangedPasswordEndsWhatWasOpenedWithTheFormer) {
  const auto opened = check("alice", "wonderland");
  ASSERT_TRUE(opened && opened->grant);
  const auto again = [&] {
    return runtime_.block_on(connector_->reread("alice", *opened->grant, net::in(Seconds(10))));
  };
  EXPECT_TRUE(again());
  alice_.password_hash = user("alice", "looking-glass").password_hash;
  save();
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(failed_with(again(), Errc::gone));
}

TEST_F(LocalConnectorTest, GuessingIsHeldBackButNotForTheTrueUserElsewhere) {
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(failed_with(check("alice", "guess", "6.6.6.6"), Errc::wrong_password)) << i;
  const auto held = check("alice", "wonderland", "6.6.6.6");
  ASSERT_FALSE(held);
  EXPECT_TRUE(failed_with(held, Errc::throttled));
  EXPECT_THAT(held.error().message(), HasSubstr("1 second"));
  EXPECT_TRUE(check("alice", "wonderland", "192.0.2.7"));
  clock_.advance(Millis(1'000));
  EXPECT_TRUE(check("alice", "wonderland", "6.6.6.6"));
  EXPECT_TRUE(check("alice", "wonderland", "6.6.6.6")) << "success forgets the failures";
}

TEST_F(LocalConnectorTest, UnknownUsersAreHeldBackAlike) {
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(failed_with(check("nobody", "guess"), Errc::wrong_password));
  EXPECT_TRUE(failed_with(check("nobody", "guess"), Errc::throttled));
}

TEST_F(LocalConnectorTest, UnknownUserCostsAHashOfTheSameWork) {
  // A costly hash for alice makes the work of one visible: a missing dummy would be a thousand
  // times less. Processor time, which a busy machine doesn't change.
  alice_.password_hash = crypto::hash_password(Secret("wonderland"), random_, {32 * 1024, 3, 1});
  save();
  const auto time_of = [this](const char* name) {
    std::clock_t best = std::numeric_limits<std::clock_t>::max();
    for (int i = 0; i < 3; ++i) {
      const std::clock_t start = std::clock();
      EXPECT_FALSE(check(name, "guess", "203.0.113." + std::to_string(++addresses_)));
      best = std::min(best, std::clock() - start);
    }
    return best;
  };
  const auto known = time_of("alice"), unknown = time_of("nobody");
  EXPECT_GT(unknown * 4, known);
}

// A password pool whose one thread is kept busy until most callers have been turned away.
struct BusyPool {
  net::WorkPool pool{"small", 1, 1};
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  int turned_away = 0, left = 8;
  net::Completion all;
};

Task<void> occupy(BusyPool& busy) {
  auto done = co_await busy.pool.run([released = busy.released]() -> Result<void> {
    released.wait();
    return {};
  });
  EXPECT_TRUE(done);
}

Task<void> check_and_count(Connector& connector, std::string address, BusyPool& busy) {
  auto result =
      co_await connector.password()->check("alice", Secret("wonderland"), std::move(address));
  if (!result && result.error().is(Errc::busy) && ++busy.turned_away == 6) busy.release.set_value();
  if (--busy.left == 0) busy.all.complete();
}

TEST_F(LocalConnectorTest, FullQueueSaysTryAgain) {
  BusyPool busy;
  const auto connector = make(busy.pool);
  runtime_.spawn(0, occupy(busy));
  for (int i = 0; i < 8; ++i) {
    runtime_.spawn(0, check_and_count(*connector, "203.0.113." + std::to_string(i), busy));
  }
  EXPECT_TRUE(runtime_.block_on(busy.all.wait(net::in(Seconds(20)))));
  EXPECT_GE(busy.turned_away, 6);
}

// What broke once: while passwords were checked, people who were signed in waited for their
// re-reads, and their refreshes with them.
TEST_F(LocalConnectorTest, RereadsDoNotWaitForPasswords) {
  BusyPool busy;
  const auto connector = make(busy.pool);
  runtime_.spawn(0, occupy(busy));
  const auto found = runtime_.block_on(connector->reread("alice", Grant(), net::in(Seconds(20))));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->subject, "alice");
  EXPECT_TRUE(runtime_.block_on(connector->health(net::in(Seconds(20)))).reachable);
  busy.release.set_value();
}

TEST_F(LocalConnectorTest, AttemptsAreAsManyAsItIsTold) {
  LocalConnectorOptions options;
  options.settings.name = "local";
  options.users_file = file_;
  options.passwords = &pool_;
  options.lookups = &lookups_;
  options.random = &random_;
  options.clock = &clock_;
  options.attempts.free_per_pair = 2;
  connector_ = local_connector(std::move(options));
  EXPECT_TRUE(failed_with(check("alice", "guess"), Errc::wrong_password));
  EXPECT_TRUE(failed_with(check("alice", "guess"), Errc::wrong_password));
  EXPECT_TRUE(failed_with(check("alice", "guess"), Errc::throttled));
}

}  // namespace
}  // namespace openunison::identity
