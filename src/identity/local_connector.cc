// SPDX-License-Identifier: Apache-2.0
//
// The built-in users: names and argon2id hashes in users.yaml. Files and hashes are worked on by
// the WorkPool only. The file is looked at again at most once a second; one that can't be read
// leaves the last good list in force, loudly. The account key is the user's name.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/base64.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "identity/attempts.h"
#include "identity/connectors.h"
#include "identity/names.h"
#include "identity/users_file.h"

namespace openunison::identity {
namespace {

constexpr Millis kPasswordDeadline{5'000};
constexpr Millis kLookInterval{1'000};
constexpr std::size_t kMaxPasswordBytes = 1'024;

// One reading of the file. Immutable.
struct Users {
  std::unordered_map<std::string, LocalUser> by_name;
  std::string dummy_hash;  // nobody's, as costly as the costliest user's

  const LocalUser* find(const std::string& name) const {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : &found->second;
  }
};

// What makes us read the file again.
struct FileStamp {
  bool exists = false;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_seconds = 0, modified_nanos = 0;
  // Of owner and mode too, which say whether we can read it.
  std::int64_t changed_seconds = 0, changed_nanos = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {true,
          status.st_dev,
          status.st_ino,
          status.st_size,
          status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

// "$argon2id$v=19$m=65536,t=3,p=1" of a PHC string, and how much work it stands for.
struct Cost {
  std::string prefix;
  unsigned long long work = 0;
};

Cost cost_of(const std::string& hash) {
  std::size_t end = 0;
  for (int dollars = 0; dollars < 4; ++dollars) {
    end = hash.find('$', end);
    if (end == std::string::npos) return {};
    if (dollars < 3) ++end;
  }
  unsigned long long memory = 0, iterations = 0;
  const std::string prefix = hash.substr(0, end);
  const std::size_t m = prefix.find("m="), t = prefix.find("t=");
  if (m == std::string::npos || t == std::string::npos) return {};
  memory = std::strtoull(prefix.c_str() + m + 2, nullptr, 10);
  iterations = std::strtoull(prefix.c_str() + t + 2, nullptr, 10);
  return {prefix, memory * iterations};
}

std::string unpadded_base64(std::string_view bytes) {
  std::string out = base64_encode(bytes);
  out.erase(std::find(out.begin(), out.end(), '='), out.end());
  return out;
}

// A hash that no password has: the cost is real, the digest is random.
std::string make_dummy(const std::vector<LocalUser>& users, crypto::Random& random) {
  Cost highest = cost_of("$argon2id$v=19$m=19456,t=2,p=1$");
  bool first = true;
  for (const LocalUser& user : users) {
    Cost cost = cost_of(user.password_hash);
    if (!cost.prefix.empty() && (first || cost.work > highest.work)) highest = std::move(cost);
    first = false;
  }
  return highest.prefix + '$' + unpadded_base64(random.bytes(16)) + '$' +
         unpadded_base64(random.bytes(32));
}

// The file and its last good reading. Methods block: call on the WorkPool.
class UserDirectory {
 public:
  UserDirectory(std::string file, crypto::Random* random, const Clock* clock)
      : file_(std::move(file)), random_(random), clock_(clock) {}

  // Error: unreachable, where the file was never readable.
  Result<std::shared_ptr<const Users>> current() {
    const std::lock_guard lock(mutex_);
    const MonoTime now = clock_->mono();
    if (!looked_ || now - last_look_ >= kLookInterval) {
      looked_ = true;
      last_look_ = now;
      look();
    }
    if (users_) return users_;
    return fail(Errc::unreachable, "the users file can't be read: " + problem_);
  }

  // Of the last look; empty if all was well.
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void look() {
    // Stamped before reading: a change in between is seen at the next look. What couldn't be read
    // is tried again whatever its stamp: what was in the way may be gone without a trace in it.
    const FileStamp stamp = stamp_of(file_);
    if (users_ && problem_.empty() && stamp == stamp_) return;
    stamp_ = stamp;
    // By what is read and not by the stamp, which is older: a file that is emptied in between took
    // everybody away.
    const bool had_users = users_ && !users_->by_name.empty();
    auto read = had_users ? read_users_again(file_) : read_users(file_);
    if (!read) {
      if (problem_ == read.error().message()) return;
      problem_ = read.error().message();
      log::error(users_ ? "the users file can't be read; the former users stay in force"
                        : "the users file can't be read",
                 {{"reason", problem_}});
      return;
    }
    problem_.clear();
    auto users = std::make_shared<Users>();
    users->dummy_hash = make_dummy(*read, *random_);
    for (LocalUser& user : *read) users->by_name.emplace(user.name, std::move(user));
    users_ = std::move(users);
  }

  const std::string file_;
  crypto::Random* random_;
  const Clock* clock_;
  mutable std::mutex mutex_;
  bool looked_ = false;
  MonoTime last_look_{};
  FileStamp stamp_;
  std::string problem_;
  std::shared_ptr<const Users> users_;
};

// Which password a sign-in was made with, to end it when that is changed.
Secret fingerprint(const LocalUser& user) {
  return Secret(base64url_encode(crypto::view(crypto::sha256(user.password_hash))));
}

std::unexpected<Error> wrong_password() {
  return fail(Errc::wrong_password, "user name or password is wrong");
}

// The user, if `password` is theirs. Costs one hash in every case.
Result<LocalUser> verify(UserDirectory& directory, const std::string& name,
                         const Secret& password) {
  const auto users = TRY(directory.current());
  const LocalUser* user = users->find(name);
  const bool plausible = !password.empty() && password.reveal().size() <= kMaxPasswordBytes;
  const std::string& hash = user != nullptr ? user->password_hash : users->dummy_hash;
  auto right = crypto::verify_password(plausible ? password : Secret("x"), hash);
  if (user == nullptr || user->disabled || !plausible || !right || !*right) return wrong_password();
  return *user;
}

class LocalConnector final : public Connector, public PasswordConnector {
 public:
  explicit LocalConnector(LocalConnectorOptions options)
      : Connector(std::move(options.settings)),
        pool_(options.passwords),
        lookups_(options.lookups),
        clock_(options.clock),
        directory_(std::make_shared<UserDirectory>(std::move(options.users_file), options.random,
                                                   options.clock)),
        attempts_(options.attempts) {}

  PasswordConnector* password() override { return this; }

  Task<Result<Identity>> check(std::string user, Secret password, std::string address) override {
    const auto wait = attempts_.start(user, address, clock_->mono());
    if (wait) {
      const auto seconds = std::chrono::ceil<Seconds>(*wait).count();
      co_return fail(Errc::throttled, "too many attempts; try again in " + std::to_string(seconds) +
                                          (seconds == 1 ? " second" : " seconds"));
    }
    auto verified = co_await pool_->run(
        [directory = directory_, user, password = std::move(password)] {
          return verify(*directory, user, password);
        },
        net::in(kPasswordDeadline));
    if (!verified) {
      if (verified.error().is(Errc::wrong_password)) co_return std::unexpected(verified.error());
      attempts_.taken_back(user, address);
      co_return std::unexpected(check_failure(verified.error()));
    }
    attempts_.succeeded(user, address);
    Identity identity = identity_of(*verified);
    identity.authenticated_at = clock_->now();
    co_return identity;
  }

  Task<Result<Identity>> reread(std::string subject, Grant grant, Call call) override {
    auto found = co_await lookups_->run(
        [directory = directory_, subject, grant = std::move(grant)]() -> Result<LocalUser> {
          const auto users = TRY(directory->current());
          const LocalUser* user = users->find(subject);
          if (user == nullptr) return fail(Errc::gone, "the built-in user was removed");
          if (user->disabled) return fail(Errc::gone, "the built-in user was disabled");
          const Secret& password = grant.access_token;
          if (!password.empty() && password.reveal() != fingerprint(*user).reveal())
            return fail(Errc::gone, "the built-in user's password was changed");
          return *user;
        },
        call.deadline);
    if (!found) {
      if (found.error().is(Errc::gone)) co_return std::unexpected(found.error());
      co_return std::unexpected(lookup_failure(found.error()));
    }
    Identity identity = identity_of(*found);
    identity.authenticated_at = clock_->now();
    co_return identity;
  }

  Task<Health> health(net::Deadline deadline) override {
    auto users =
        co_await lookups_->run([directory = directory_] { return directory->current(); }, deadline);
    Health health;
    health.reachable = users.has_value();
    health.detail = users ? directory_->problem() : users.error().message();
    co_return health;
  }

 private:
  static Error check_failure(const Error& error) {
    if (error.is(net::Errc::busy))
      return Error(Errc::busy, "too many people are signing in; try again in a moment");
    if (error.is(Errc::unreachable)) return Error(Errc::bad_users_file, error.message());
    return Error(Errc::unreachable, "the password could not be checked in time; try again");
  }

  // As other connectors: throttled is asked again later, and ends nothing.
  static Error lookup_failure(const Error& error) {
    if (error.is(net::Errc::busy))
      return Error(Errc::throttled, "too many people are being looked up; try again in a moment");
    if (error.is(Errc::unreachable)) return error;
    return Error(Errc::unreachable, "the user could not be looked up in time; try again");
  }

  Identity identity_of(const LocalUser& user) const {
    const config::ClaimNames& names = settings().claims;
    Identity identity;
    identity.provider = name();
    identity.subject = user.name;
    identity.grant.emplace().access_token = fingerprint(user);
    text::Json claims{text::Json::Object()};
    const auto set = [&claims](const std::string& claim, const std::string& value) {
      if (!value.empty()) claims.set(claim, text::Json(value));
    };
    set(names.display_name, user.display_name);
    set(names.given_name, user.given_name);
    set(names.family_name, user.family_name);
    set(names.email, user.email);
    // An administrator wrote the address down; there is no one else to verify it.
    if (!user.email.empty()) claims.set("email_verified", text::Json(true));
    text::Json::Array groups(user.groups.begin(), user.groups.end());
    claims.set(names.groups, text::Json(std::move(groups)));
    set(names.sub, user.name);
    const auto is_key = [&names](const std::string& claim) {
      const auto all = {names.sub,
                        names.email,
                        names.given_name,
                        names.family_name,
                        names.display_name,
                        names.groups,
                        std::string("email_verified")};
      return std::ranges::find(all, claim) != all.end();
    };
    if (user.claims.object() != nullptr) {
      for (const auto& [claim, value] : *user.claims.object()) {
        // Never in the place of the keys above, whatever values call them and whether the user has
        // them.
        if (claim == "acr") {
          identity.acr = *value.string();
        } else if (!is_key(claim)) {
          claims.set(claim, value);
        }
      }
    }
    identity.claims = std::move(claims);
    identity.amr = {"pwd"};
    identity.recheckable = true;
    return identity;
  }

  net::WorkPool *pool_, *lookups_;
  const Clock* clock_;
  std::shared_ptr<UserDirectory> directory_;
  Attempts attempts_;
};

}  // namespace

std::unique_ptr<Connector> local_connector(LocalConnectorOptions options) {
  return std::make_unique<LocalConnector>(std::move(options));
}

}  // namespace openunison::identity
