// SPDX-License-Identifier: Apache-2.0
//
// Rereader: keeps the upstream's word of a signed-in person fresh. One re-read of a sign-in at a
// time; callers wait at most 2 s for it and go on with the old claims otherwise. The intent is
// committed before a grant is spent, so that a crash in between is told from a person who is gone.
// Called on every runtime thread.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "session/sessions.h"

namespace openunison::session {

class Rereader {
 public:
  // `end` ends a sign-in and writes its audit lines.
  using End = std::function<Task<void>(store::SignInId, std::string reason)>;
  Rereader(const Dependencies& dependencies, End end);

  // Whether the upstream should be asked again.
  bool due(const store::SignIn& sign_in) const;
  // Whether the upstream has been silent for longer than upstream_stale_limit.
  bool stale(const store::SignIn& sign_in) const;
  // Starts or joins the re-read of this sign-in; returns when it is over or `wait` has passed.
  // `trace`: of the request that starts it; who joins later has no part in it.
  Task<void> refresh(store::SignIn sign_in, Millis wait, http::TraceContext trace);

  std::string seal(const identity::Grant& grant, store::SignInId id) const;
  Result<identity::Grant> open(const store::SignIn& sign_in) const;

 private:
  Task<void> run(store::SignIn sign_in, std::shared_ptr<net::Completion> done,
                 http::TraceContext trace);
  Task<void> reread(store::SignIn sign_in, http::TraceContext trace);
  Task<Result<identity::Identity>> ask(identity::Connector& connector, const store::SignIn& sign_in,
                                       bool unfinished_before, http::TraceContext trace);
  Task<void> accept(store::SignIn sign_in, identity::Identity identity,
                    const identity::Connector& connector, http::TraceContext trace);
  void hold_off(store::SignInId id);

  Dependencies dependencies_;
  End end_;
  crypto::Sealer sealer_;
  std::mutex mutex_;
  std::unordered_map<store::SignInId, std::shared_ptr<net::Completion>> running_;
  std::unordered_map<store::SignInId, MonoTime> not_before_;
};

}  // namespace openunison::session
