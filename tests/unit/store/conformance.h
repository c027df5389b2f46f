// SPDX-License-Identifier: Apache-2.0
//
// What every SessionStore must do, as tests: conformance_*_test.cc run each case on each of
// stores(). A new store is a line there. The fixture stands on one thread with a clock of its own;
// records differ in every field, so that none can be lost or swapped unseen.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/random.h"
#include "net/runtime.h"
#include "store/stores.h"
#include "temporary_directory.h"

namespace openunison::store {

struct StoreKind {
  const char* name;
  std::unique_ptr<SessionStore> (*make)(const TemporaryDirectory& directory);
};

inline void PrintTo(const StoreKind& kind, std::ostream* out) {
  *out << kind.name;
}

inline std::vector<StoreKind> stores() {
  return {{"Memory", [](const TemporaryDirectory&) { return memory_store(); }},
          {"Sqlite", [](const TemporaryDirectory& directory) -> std::unique_ptr<SessionStore> {
             auto store = sqlite_store(directory.file("sessions.db"));
             if (!store) ADD_FAILURE() << store.error().message();
             return store ? std::move(*store) : nullptr;
           }}};
}

inline std::string kind_name(const ::testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}

template <class T>
::testing::AssertionResult failed_with(const Result<T>& result, Errc code) {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().is(code)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << result.error().code().message() << ": " << result.error().message();
}

inline ::testing::AssertionResult same(const SignIn& a, const SignIn& b) {
  const auto fields = [](const SignIn& s) {
    return std::tie(s.id, s.provider, s.subject, s.user, s.principal, s.upstream_sid, s.grant,
                    s.address, s.user_agent, s.authenticated_at, s.created_at, s.expires_at,
                    s.checked_at, s.recheckable, s.reread_in_flight, s.version);
  };
  if (fields(a) == fields(b)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the sign-ins differ";
}

inline ::testing::AssertionResult same(const Session& a, const Session& b) {
  const auto fields = [](const Session& s) {
    return std::tie(s.id, s.sign_in, s.kind, s.origin, s.client_id, s.cluster, s.scope, s.label,
                    s.address, s.user_agent, s.token_hash, s.created_at, s.last_used_at,
                    s.idle_limit, s.unused_until, s.generation, s.superseded_at, s.stale_refusals);
  };
  if (fields(a) == fields(b)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the sessions differ";
}

inline std::size_t total(const Result<SessionCounts>& counts) {
  EXPECT_TRUE(counts);
  return counts ? counts->web + counts->client : std::size_t(-1);
}

// Makes records for tests at a time that stands until `now` is moved.
class Records {
 public:
  crypto::SeededRandom random{7};
  WallTime now{Seconds(1'700'000'000)};

  SignIn sign_in(const std::string& user = "alice", const std::string& provider = "okta") {
    SignIn sign_in;
    sign_in.id = random.id<SignInTag>();
    sign_in.provider = provider;
    sign_in.subject = "subject of " + user;
    sign_in.user = user;
    sign_in.principal = R"({"user":")" + user + R"(","groups":["developers","on-call"]})";
    sign_in.upstream_sid = "sid " + sign_in.id.text();
    sign_in.grant = std::string("sealed\0grant\xff", 13);
    sign_in.address = "192.0.2.7";
    sign_in.user_agent = "Mozilla/5.0 (\"quoted\"; caf\xe9)";
    sign_in.authenticated_at = now - Seconds(3);
    sign_in.created_at = now;
    sign_in.expires_at = now + std::chrono::hours(12);
    sign_in.checked_at = now - Seconds(2);
    sign_in.recheckable = true;
    return sign_in;
  }

  Session web(const SignIn& sign_in) {
    Session session;
    session.id = random.id<SessionTag>();
    session.sign_in = sign_in.id;
    session.kind = SessionKind::web;
    session.label = "browser";
    session.address = "192.0.2.8";
    session.user_agent = "Firefox";
    session.token_hash = random.bytes(32);
    session.created_at = session.last_used_at = now;
    session.idle_limit = Seconds(900);
    return session;
  }

  Session client(const SignIn& sign_in) {
    Session session;
    session.id = random.id<SessionTag>();
    session.sign_in = sign_in.id;
    session.kind = SessionKind::client;
    session.origin = Origin::code;
    session.client_id = "kubernetes";
    session.cluster = "demo";
    session.scope = "openid groups";
    session.label = "kubectl on build-7";
    session.address = "192.0.2.9";
    session.user_agent = "kubectl/1.37";
    session.created_at = session.last_used_at = now;
    session.idle_limit = std::chrono::hours(12);
    return session;
  }

  RotateRequest rotate_request(const Session& session, std::uint32_t generation) const {
    RotateRequest request;
    request.family = session.id;
    request.generation = generation;
    request.client_id = session.client_id;
    request.address = session.address;
    request.user_agent = session.user_agent;
    request.now = now;
    return request;
  }
};

class Conformance : public ::testing::TestWithParam<StoreKind>, protected Records {
 protected:
  template <class T>
  T run(Task<T> task) {
    return runtime_.block_on(std::move(task));
  }

  // A sign-in whose only session is of a client.
  Live open_client(SignIn sign_in) {
    Session session = client(sign_in);
    EXPECT_TRUE(run(store_->open(sign_in, session)));
    return {std::move(session), std::move(sign_in)};
  }
  Live open_client() { return open_client(sign_in()); }
  Live open_web(SignIn sign_in) {
    Session session = web(sign_in);
    EXPECT_TRUE(run(store_->open(sign_in, session)));
    return {std::move(session), std::move(sign_in)};
  }
  Live open_web() { return open_web(sign_in()); }

  Result<Live> find(const Session& session) { return run(store_->find(session.id, now)); }
  bool lives(const Session& session) { return find(session).has_value(); }
  Result<Rotated> rotate(RotateRequest request) { return run(store_->rotate(std::move(request))); }
  // Ends what `selector` matches; gives the ids of what was alive.
  std::vector<SessionId> end(Selector selector) {
    auto ended = run(store_->end(std::move(selector), now));
    EXPECT_TRUE(ended);
    return ended ? ids(*ended) : std::vector<SessionId>();
  }
  std::vector<SessionId> list(Selector selector, std::size_t limit = 100) {
    auto found = run(store_->list(std::move(selector), limit, now));
    EXPECT_TRUE(found);
    return found ? ids(*found) : std::vector<SessionId>();
  }
  static std::vector<SessionId> ids(const std::vector<Live>& lives) {
    std::vector<SessionId> result;
    for (const Live& live : lives) result.push_back(live.session.id);
    return result;
  }

  TemporaryDirectory directory_;
  net::Runtime runtime_{1};
  std::unique_ptr<SessionStore> store_ = GetParam().make(directory_);
};

}  // namespace openunison::store
