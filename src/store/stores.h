// SPDX-License-Identifier: Apache-2.0
//
// The stores that there are.
#pragma once

#include <memory>
#include <string>

#include "net/runtime.h"
#include "store/session_store.h"

namespace openunison::store {

// Sharded maps behind mutexes; a restart ends its sessions.
std::unique_ptr<SessionStore> memory_store();

// SQLite in WAL mode, synchronous=FULL: one writer thread commits what has queued while the last commit
// ran (group commit), reads go through a small pool. The directory is locked against a second server.
// Errors: unavailable, bad_database; messages name the file and what to do.
Result<std::unique_ptr<SessionStore>> sqlite_store(const std::string& file);

}  // namespace openunison::store
