// SPDX-License-Identifier: Apache-2.0
//
// Key sets of strangers: what is taken can be used, and is written so that it reads the same.
#include "fuzz.h"
#include "jose/jwk.h"

using openunison::jose::JwkSet;

FUZZ(text) {
  const auto keys = JwkSet::parse(text);
  if (!keys) return;
  MUST(keys->keys().size() <= 64);
  for (const auto& key : keys->keys()) MUST(!openunison::jose::thumbprint(key.key).empty());
  const auto again = JwkSet::parse(keys->dump());
  MUST(again);
  // OpenSSL's look at an RSA modulus takes random bases: one that is no product of two primes may
  // be taken now and skipped then.
  if (again->keys().size() == keys->keys().size()) MUST(again->dump() == keys->dump());
}
