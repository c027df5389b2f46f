// SPDX-License-Identifier: Apache-2.0
//
// SessionStore: where sign-ins and sessions live. Every method is one atomic step, and has been
// made durable when it returns (memory: as durable as the process). Callable from any runtime
// thread; the caller is resumed on its own. Time comes in as `now`, so a store has no clock.
// Whatever is over (idle, expired, unused) is never returned, swept or not. Every implementation
// passes tests/unit/store/conformance.h.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/task.h"
#include "store/error.h"
#include "store/records.h"

namespace openunison::store {

struct RotateRequest {
  SessionId family;
  std::uint32_t generation;  // of the presented token (its MAC was verified)
  std::string client_id;
  Millis grace{30'000};
  // Asked inside the step before a token would be given; its error is the call's, and nothing has
  // changed then. Quick; must not call the store. Absent: everything is permitted.
  std::function<Result<void>(const Live&)> permit;
  std::string address, user_agent;  // become the session's
  WallTime now;
};

struct Rotated {
  enum class Outcome {
    rotated,  // generation + 1 is current now
    // Superseded less than `grace` ago, each older generation by its own time (the last eight are
    // known); `live` has the newest generation. Changes nothing.
    repeated,
    // Outside of that: refused and counted in stale_refusals. A generation higher than the stored
    // one ends the family: its MAC is ours, so an older database was put back.
    stale,
  };
  Outcome outcome;
  Live live;           // after the step
  bool ended = false;  // with `stale`: the family is no more
};

// What to end or list. Exactly one member is set (none: nothing matches). An empty provider or
// subject narrows nothing; an account with both empty, and an empty sid, match nothing.
struct Selector {
  std::optional<SessionId> session;
  std::optional<SignInId> sign_in;
  struct Account {
    std::string provider, subject;
  };
  std::optional<Account> account;
  struct UpstreamSid {
    std::string provider, sid;
  };
  std::optional<UpstreamSid> upstream_sid;
  std::optional<std::string> user;
  bool all = false;
  // With account: only sign-ins whose session upstream is unknown.
  bool without_upstream_sid = false;
  // With sign_in or account: everything but this session.
  std::optional<SessionId> except;
};

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // A sign-in with its first session. Errors: conflict (an id or token hash is taken), unavailable.
  virtual Task<Result<void>> open(SignIn sign_in, Session first) = 0;
  // One more session of a living sign-in; with `code`, records that code as redeemed in the same
  // step. Errors: not_found (the sign-in is over), already_used (the code; the message holds
  // nothing, see `redeemed_by`), conflict (an id or token hash is taken), unavailable.
  struct Redemption {
    CodeId code;
    WallTime expires_at;
  };
  virtual Task<Result<void>> add(Session session, std::optional<Redemption> code, WallTime now) = 0;
  // The session that a code was redeemed into, while its record lives. Error: not_found.
  virtual Task<Result<SessionId>> redeemed_by(CodeId code, WallTime now) = 0;

  virtual Task<Result<Live>> find(SessionId id, WallTime now) = 0;
  // By SHA-256 of the cookie's value.
  virtual Task<Result<Live>> find_web(std::string token_hash, WallTime now) = 0;
  // A living sign-in. Error: not_found.
  virtual Task<Result<SignIn>> find_sign_in(SignInId id, WallTime now) = 0;

  // Errors: not_found (no such family, over, or of another client), unavailable, those of
  // `permit`. A stale outcome is no error.
  virtual Task<Result<Rotated>> rotate(RotateRequest request) = 0;
  // Moves last_used_at forward. May be lost in a crash. Error: not_found.
  virtual Task<Result<void>> touch(SessionId id, WallTime now) = 0;

  // Replaces user, principal, upstream_sid, grant, checked_at, recheckable and reread_in_flight if
  // the stored version equals `sign_in.version`; gives the new version. Errors: conflict,
  // not_found.
  virtual Task<Result<std::uint64_t>> update(SignIn sign_in, WallTime now) = 0;

  // Ends what matches; gives what was alive until now. A sign-in whose last session ends, ends too;
  // ending a sign_in ends its sessions.
  virtual Task<Result<std::vector<Live>>> end(Selector selector, WallTime now) = 0;
  // Living sessions of an account, of a user, or all (at most `limit`), newest sign-in first.
  virtual Task<Result<std::vector<Live>>> list(Selector selector, std::size_t limit,
                                               WallTime now) = 0;

  // Deletes at most `limit` (≥ 1) sessions and redemptions that are over; gives how many. 0:
  // nothing is left.
  virtual Task<Result<std::size_t>> sweep(WallTime now, std::size_t limit) = 0;
  // Sessions that are there, for the metric: those that are over and not yet deleted count as well.
  virtual Task<Result<SessionCounts>> count() = 0;
  // Writes and reads back a value: the readiness probe. Error: unavailable, with the reason.
  virtual Task<Result<void>> probe() = 0;
};

}  // namespace openunison::store
