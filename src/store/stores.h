// SPDX-License-Identifier: Apache-2.0
//
// The stores that there are.
#pragma once

#include <memory>
#include <string>

#include "net/runtime.h"
#include "store/durable_store.h"

namespace openunison::store {

// Compact records behind one mutex, held for a few look-ups; a restart ends its sessions.
std::unique_ptr<SessionStore> memory_store();

// SQLite in WAL mode, synchronous=FULL: one writer thread commits what has queued while the last
// commit ran (group commit), reads go through a small pool. FILE.lock is held against a second
// server. The store outlives whoever waits for it. Errors: unavailable, bad_database; messages name
// the file and what to do.
Result<std::unique_ptr<DurableStore>> sqlite_store(const std::string& file);

}  // namespace openunison::store
