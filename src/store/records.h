// SPDX-License-Identifier: Apache-2.0
//
// What the store keeps. user → sign-ins → sessions: a SignIn is one person having signed in once;
// a Session is one use of it: the browser, or one refresh family (one kubeconfig entry, one
// client). Plain data; nothing here is a usable secret: web tokens are hashed, refresh tokens are
// recomputed (session/refresh_token.h), the upstream grant is sealed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace openunison::store {

using SignInId = Id<struct SignInTag>;
using SessionId = Id<struct SessionTag>;
using CodeId = Id<struct CodeTag>;

struct SignIn {
  SignInId id;
  // The account: which provider and its subject there; never the mapped name (docs/design.md).
  std::string provider, subject;
  std::string user;          // mapped name, for lists and `sessions end --user`
  std::string principal;     // identity::Principal as JSON
  std::string upstream_sid;  // for back-channel logout; may be empty
  std::string grant;         // sealed identity::Grant; may be empty
  std::string address, user_agent;
  WallTime authenticated_at, created_at, expires_at;
  WallTime checked_at;       // the upstream confirmed principal at this time
  bool recheckable = false;  // the upstream's standing can be re-read
  // Set (and committed) before a grant is spent upstream, cleared with its outcome.
  bool reread_in_flight = false;
  std::uint64_t version = 1;  // grows with each update
};

enum class SessionKind : std::uint8_t { web = 1, client = 2 };
// How a family was opened; decides what a stale refresh token does (session/sessions.h). `pasted`:
// for kubectl's built-in provider, by a pasted command or by an exchange that says so.
enum class Origin : std::uint8_t { browser = 1, code = 2, pasted = 3, device = 4, exchange = 5 };

struct Session {
  SessionId id;  // a refresh family's id too
  SignInId sign_in;
  SessionKind kind = SessionKind::web;
  Origin origin = Origin::browser;
  std::string client_id;  // kind client
  std::string cluster;    // name of the cluster that it is for; may be empty
  std::string scope;      // granted, space separated
  std::string label;      // "kubectl on build-7", for the sessions page
  std::string address, user_agent;
  std::string token_hash;  // kind web: SHA-256 of the cookie's value (32 bytes)
  WallTime created_at, last_used_at;
  Seconds idle_limit{900};
  WallTime unused_until{};  // if not the epoch: dies then unless a refresh came before
  // kind client: the generation that is current; generations start at 1.
  std::uint32_t generation = 1;
  // When the most recent generations were superseded, newest last, at most 8: generation g - 1 is
  // the last entry.
  std::vector<WallTime> superseded_at;
  std::uint32_t stale_refusals = 0;  // shown on the sessions page
};

// When `session` ends by itself, given its sign-in.
WallTime ends_at(const Session& session, const SignIn& sign_in);
bool alive(const Session& session, const SignIn& sign_in, WallTime now);

struct SessionCounts {
  std::size_t web = 0, client = 0;
  bool operator==(const SessionCounts&) const = default;
};

struct Live {
  Session session;
  SignIn sign_in;
};

}  // namespace openunison::store
