// SPDX-License-Identifier: Apache-2.0
//
// The tables, and how a database of an older program becomes one of this program. Private to
// store/.
#pragma once

#include <span>

#include "store/sqlite_connection.h"

namespace openunison::store::sqlite {

// migrations()[v] makes version v + 1 of version v; 0 is an empty file. What was released is never
// edited: append.
std::span<const char* const> migrations();

// Brings the database to version `steps.size()`, each step in a transaction of its own, so that a
// crash leaves one version or the next. Errors: bad_database (another program's, or of a newer
// version: left as it was), unavailable.
Result<void> migrate(Connection& connection, std::span<const char* const> steps);

}  // namespace openunison::store::sqlite
