// SPDX-License-Identifier: Apache-2.0
//
// SingleTab: of any number of processes that find no session, one opens a browser tab, and the
// others wait for what comes of it. After a refusal, a closed tab or an opener that was killed none
// opens one for a while, longer each time (30 s, 1, 2, 5, 15 minutes), until a sign-in succeeds or
// a person asks for one. One for each portal and state folder, which is: each user of a machine.
//
// A lock (flock on a file that stays; a dead holder has let it go) says who has the turn; a note
// beside it, replaced as a whole, what came of the last. Times in the note are of the monotonic
// clock and good for the boot that wrote them, so that a clock that is set neither opens tabs nor
// keeps them away.
//
// How to use it, so that nobody opens a tab for a session that has just come:
//   const Mark mark = tab.mark();
//   (look at the cache once more: there is a session → use it)
//   auto turn = co_await tab.enter(mark, asked_for, deadline);
//     opener     → sign in, write the cache, turn->succeeded() or turn->failed(); no tab of others
//                  opens while the Turn lives. turn->opens(address) lets those who wait show it:
//                  whoever closed the tab opens the same sign-in again with it
//     signed_in  → somebody else did: the cache has it
//     backed_off → none may be opened yet; turn->wait says how long that lasts
// Errors: net::Errc::timed_out (somebody's tab is still open at the deadline), net::Errc::io (the
// folder can't be used; open no tab then, but for a person who asks).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "net/runtime.h"

namespace openunison::cli {

// How long no tab is opened after so many attempts in a row that came to nothing. 0: not at all.
Millis back_off_after(unsigned failures);

class FileLock;

class Turn {
 public:
  enum class Kind { opener, signed_in, backed_off };

  Kind kind = Kind::backed_off;
  Millis wait{0};  // backed_off: until one may be opened

  // Of the opener: the address of its tab, for those who wait.
  void opens(std::string address);
  // Of the opener, once; the turn then is over. One that goes without either has failed.
  void succeeded();
  void failed();

  Turn(Turn&&) noexcept;
  Turn& operator=(Turn&&) noexcept;
  ~Turn();

 private:
  friend class SingleTab;
  struct Impl;
  Turn();
  std::unique_ptr<Impl> impl_;
};

class SingleTab {
 public:
  // Which turn was the last one; "" where there was none.
  using Mark = std::string;

  // `folder`: made, 0700, where it is missing. `portal`: "HOST[:PORT]". `clock` outlives it.
  SingleTab(std::string folder, std::string portal, const Clock& clock);
  // For tests: another boot.
  SingleTab(std::string folder, std::string portal, const Clock& clock, std::string boot);

  Mark mark() const;
  // `asked_for`: a person started the sign-in itself: no back-off, and what counted is forgotten.
  // `waits`: called with the address of each tab that is waited for, once it is known.
  Task<Result<Turn>> enter(Mark mark, bool asked_for, net::Deadline deadline,
                           std::function<void(const std::string& address)> waits = {});

 private:
  Result<Turn> take(FileLock lock, const Mark& mark, bool asked_for, bool waited) const;

  std::string folder_, lock_file_, note_file_, boot_;
  const Clock& clock_;
};

}  // namespace openunison::cli
