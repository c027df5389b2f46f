// SPDX-License-Identifier: Apache-2.0
//
// DurableStore: a session store that outlives the process, and what has to be known of one: whether
// it is the one that was there last time (continuity.h), and why it doesn't write where it doesn't.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "store/session_store.h"

namespace openunison::store {

// Where a database stands: kept inside it and, sealed, outside of it.
struct Mark {
  std::int64_t database = 0;  // chosen at random when the first mark was set
  std::int64_t number = 0;    // grows with each start, each minute and each stop
  auto operator<=>(const Mark&) const = default;
};

class DurableStore : public SessionStore {
 public:
  // nullopt: none was ever set. Error: unavailable.
  virtual Task<Result<std::optional<Mark>>> mark() = 0;
  virtual Task<Result<void>> set_mark(Mark mark) = 0;
  // Deletes every sign-in and session and sets the mark, in one step; gives how many sessions there
  // were. Redeemed codes stay redeemed. Blocks for a moment where the log had been damaged.
  virtual Task<Result<std::size_t>> forget_all(Mark mark) = 0;

  // The log that was found at opening, or at an earlier one after which no sessions ended, had been
  // damaged before its end, so that something that was acknowledged is missing.
  virtual bool lost_acknowledged() const = 0;
  // Why nothing is written at the moment, and what to do; nullopt: as far as is known it is.
  virtual std::optional<Error> fault() const = 0;
};

}  // namespace openunison::store
