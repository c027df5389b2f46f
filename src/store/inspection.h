// SPDX-License-Identifier: Apache-2.0
//
// A session database looked at while no server has it open: for `openunison check`. Blocks, for a
// large database some seconds: it reads all of it.
#pragma once

#include <string>

#include "base/result.h"
#include "crypto/seal.h"

namespace openunison::store {

// Why the next start will end all sessions; empty where it won't. Errors: in_use (a server has it
// open), unavailable (it can't be read), bad_database (not ours, or damaged); messages name the
// file and what to do.
Result<std::string> inspect(const std::string& file, const std::string& counter_file,
                            const crypto::MasterKey& master);

}  // namespace openunison::store
