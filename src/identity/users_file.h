// SPDX-License-Identifier: Apache-2.0
//
// users.yaml: the built-in users. `openunison users` edits it under a lock, by temp + fsync +
// rename.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "text/json.h"

namespace openunison::identity {

struct LocalUser {
  std::string name;           // [A-Za-z0-9._@-]{1,128}, not system:
  std::string password_hash;  // argon2id PHC
  std::string display_name, given_name, family_name, email;
  std::vector<std::string> groups;
  text::Json claims;  // further standard claims, and acr (user_claims.h); null: none
  bool disabled = false;
  bool operator==(const LocalUser&) const = default;
};

inline constexpr Millis kUsersLockWait{5'000};

// Errors: bad_users_file with file:line:column. A missing file is an empty list.
Result<std::vector<LocalUser>> read_users(const std::string& file);
// For who has read users in it before: no file, or an empty one, was lost by mistake and is an
// error besides. Whoever wants no users writes `users: []`.
Result<std::vector<LocalUser>> read_users_again(const std::string& file);
// Replaces the file (mode 0600, owner kept). Error: bad_users_file, also for users that read_users
// would refuse.
Result<void> write_users(const std::string& file, const std::vector<LocalUser>& users);
// Reads, changes and writes under one lock ("FILE.lock"), waiting for it up to `lock_wait`; nothing
// is written if `change` fails. Errors: bad_users_file, and what `change` gives. Blocks.
Result<void> edit_users(const std::string& file,
                        const std::function<Result<void>(std::vector<LocalUser>&)>& change,
                        Millis lock_wait = kUsersLockWait);

}  // namespace openunison::identity
