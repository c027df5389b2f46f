// SPDX-License-Identifier: Apache-2.0
//
// The note that a database's log was damaged, in a file beside it ("sessions.db-damaged"). SQLite
// takes what it can of a damaged log when it opens the database, and then nothing tells any more;
// where the start that found it fails before the sessions have ended, the next one must still know.
// Blocks. Private to store/.
#pragma once

#include <string>

#include "base/result.h"

namespace openunison::store {

// Looks at the log of the database `file` before SQLite does. True: it is damaged, and that is on
// the disk; or an earlier start had found it damaged and ended no sessions. Error: unavailable (the
// log can't be read or the note can't be written: then SQLite mustn't open the database).
Result<bool> damaged_log(const std::string& file);
// The same, and notes nothing.
Result<bool> has_damaged_log(const std::string& file);
// All sessions have ended. Error: unavailable.
Result<void> forget_damage(const std::string& file);

}  // namespace openunison::store
