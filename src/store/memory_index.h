// SPDX-License-Identifier: Apache-2.0
//
// MemoryIndex: owns the memory store's records and finds them by everything that they are asked by.
// Rules are the store's. Not thread-safe. Private to store/.
#pragma once

#include <deque>
#include <functional>

#include "store/memory_records.h"
#include "store/pointer_table.h"
#include "store/session_store.h"

namespace openunison::store {

// Sessions by a time at which each is to be looked at, the earliest first. A session is in it once
// and can be taken out.
class CheckQueue {
 public:
  void push(MemorySession& session, WallTime at);
  void remove(MemorySession& session);
  // nullptr if nothing is due.
  MemorySession* due(WallTime now) const;

 private:
  struct Entry {
    WallTime at;
    MemorySession* session;
  };
  void put(std::size_t place, Entry entry);
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);

  std::deque<Entry> heap_;  // grows without moving what is there
};

class MemoryIndex {
 public:
  MemoryIndex() = default;
  ~MemoryIndex();
  MemoryIndex(const MemoryIndex&) = delete;
  MemoryIndex& operator=(const MemoryIndex&) = delete;

  // nullptr if there is none.
  MemorySignIn* find_sign_in(SignInId id) const;
  MemorySession* find_session(SessionId id) const;
  MemorySession* find_token(std::string_view token_hash) const;
  // Sessions that `selector` names, newest sign-in first, in it the oldest session, until `visit`
  // gives false. `visit` changes nothing here.
  void for_each(const Selector& selector, const std::function<bool(MemorySession&)>& visit) const;
  const SessionCounts& counts() const { return counts_; }

  // Whose names are free.
  MemorySignIn& insert(const SignIn& sign_in);
  void insert(const Session& session, MemorySignIn& owner);
  // Its sign-in goes with its last session.
  void erase(MemorySession& session);
  void update(MemorySignIn& stored, const SignIn& sign_in);

  // A session that may be over; nullptr if there is none.
  MemorySession* due(WallTime now) const { return queue_.due(now); }
  // It lives: looks again when it ends.
  void check_later(MemorySession& session);

 private:
  static std::uint64_t hash_of(std::string_view text);
  static std::uint64_t hash_of_account(std::string_view provider, std::string_view subject);
  template <class Tag>
  static std::uint64_t hash_of(const Id<Tag>& id) {
    return std::hash<Id<Tag>>()(id);
  }
  struct IdHash {
    std::uint64_t operator()(const auto& record) const { return hash_of(record.id); }
  };
  struct TokenHash {
    std::uint64_t operator()(const MemorySession& session) const {
      return hash_of(session.token_hash());
    }
  };
  struct AccountHash {
    std::uint64_t operator()(const MemorySignIn& s) const {
      return hash_of_account(s.provider(), s.subject());
    }
  };
  struct UserHash {
    std::uint64_t operator()(const MemorySignIn& sign_in) const { return hash_of(sign_in.user()); }
  };
  struct SidHash {
    std::uint64_t operator()(const MemorySignIn& sign_in) const {
      return hash_of(sign_in.upstream_sid());
    }
  };

  // Those that match, newest first.
  std::vector<MemorySignIn*> matching(const Selector& selector) const;
  void erase(MemorySignIn& sign_in);

  MemorySignIn* oldest_ = nullptr;
  MemorySignIn* newest_ = nullptr;
  std::uint64_t next_sequence_ = 1;
  std::size_t& count_of(SessionKind kind) {
    return kind == SessionKind::web ? counts_.web : counts_.client;
  }
  SessionCounts counts_;
  PointerTable<MemorySignIn, IdHash> sign_ins_;
  PointerTable<MemorySignIn, AccountHash> by_account_;
  PointerTable<MemorySignIn, UserHash> by_user_;
  PointerTable<MemorySignIn, SidHash> by_sid_;
  PointerTable<MemorySession, IdHash> by_id_;
  PointerTable<MemorySession, TokenHash> by_token_;
  CheckQueue queue_;
};

}  // namespace openunison::store
