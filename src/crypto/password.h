// SPDX-License-Identifier: Apache-2.0
//
// Password hashes: argon2id (RFC 9106), PHC string form. Costs tens of milliseconds and its memory:
// never call on an I/O thread (run on the "password" WorkPool).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/random.h"

namespace openunison::crypto {

struct Argon2Cost {
  unsigned memory_kib = 19'456;  // OWASP's minimum with t = 2, p = 1
  unsigned iterations = 2;
  unsigned lanes = 1;
};

// "$argon2id$v=19$m=...,t=...,p=...$salt$hash".
std::string hash_password(const Secret& password, Random& random, Argon2Cost cost = {});
// true/false. Errors: bad_password_hash where `encoded` is no argon2id PHC string of sane cost
// (m ≤ 1 GiB, t ≤ 64, p ≤ 16); library where there is no memory for it.
Result<bool> verify_password(const Secret& password, std::string_view encoded);
// Whether `encoded` parses as above, without hashing anything.
Result<void> check_password_hash(std::string_view encoded);

}  // namespace openunison::crypto
