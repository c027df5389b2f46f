// SPDX-License-Identifier: Apache-2.0
//
// How the memory store keeps a record: numbers as they are, all texts in one allocation. A sign-in
// with one session and ten groups stays under 1 KiB with its places in the indexes. Not
// thread-safe. Private to store/.
#pragma once

#include <initializer_list>
#include <memory>
#include <string_view>

#include "store/records.h"

namespace openunison::store {

// A fixed number of texts in one allocation.
class PackedTexts {
 public:
  PackedTexts() = default;
  explicit PackedTexts(std::initializer_list<std::string_view> texts);

  // Reads them from the first on; lives no longer than the PackedTexts.
  class Reader {
   public:
    explicit Reader(const PackedTexts& texts) : at_(texts.bytes_.get()) {}
    std::string_view next();
    std::string string() { return std::string(next()); }

   private:
    const char* at_;
  };

 private:
  std::unique_ptr<char[]> bytes_;
};

struct MemorySession;

struct MemorySignIn {
  explicit MemorySignIn(const SignIn& sign_in);
  ~MemorySignIn();
  MemorySignIn(const MemorySignIn&) = delete;
  MemorySignIn& operator=(const MemorySignIn&) = delete;
  SignIn unpack() const;
  // Takes all but the id; the user agent is what it was.
  void assign(const SignIn& sign_in);

  std::string_view provider() const { return PackedTexts::Reader(texts).next(); }
  std::string_view subject() const;
  std::string_view user() const;
  std::string_view upstream_sid() const;
  std::string_view user_agent() const;

  SignInId id;
  std::uint64_t sequence = 0;        // orders by age
  MemorySignIn* previous = nullptr;  // in that order
  MemorySignIn* next = nullptr;
  std::unique_ptr<MemorySession> sessions;  // oldest first
  WallTime authenticated_at, created_at, expires_at, checked_at;
  std::uint32_t version = 1;
  bool recheckable = false;
  bool reread_in_flight = false;
  PackedTexts texts;
};

struct MemorySession {
  // `owner` outlives it.
  MemorySession(const Session& session, MemorySignIn& owner);
  Session unpack() const;
  // Takes all but the id and the sign-in; the token hash is what it was.
  void assign(const Session& session);

  std::string_view token_hash() const { return PackedTexts::Reader(texts).next(); }
  WallTime ends() const;
  bool lives(WallTime now) const { return now < ends(); }

  SessionId id;
  MemorySignIn* sign_in;
  std::unique_ptr<MemorySession> next;  // of the same sign-in
  WallTime created_at, last_used_at, unused_until;
  std::uint32_t idle_limit = 0;  // seconds
  std::uint32_t generation = 1;
  std::uint32_t stale_refusals = 0;
  std::uint32_t check_place = 0;  // in the queue of what to look at when sweeping
  SessionKind kind = SessionKind::web;
  Origin origin = Origin::browser;
  bool same_user_agent = false;  // as the sign-in's; not stored twice
  PackedTexts texts;
};

}  // namespace openunison::store
