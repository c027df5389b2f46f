// SPDX-License-Identifier: Apache-2.0
//
// SubjectToken: what a program that nobody signs in for proves with who it is: the token of its
// cluster or of its CI service, in a file that somebody else keeps fresh (a projected volume). Read
// anew whenever it is needed. Nothing here looks at its signature or its claims: the portal does.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace openunison::cli {

struct SubjectToken {
  Secret token;        // without white space around it
  std::string digest;  // tells it from another: SHA-256, in hex
  bool readable_by_all = false;
};

// Error bad_token_file: why, with the file's name and what to do.
Result<SubjectToken> read_subject_token(const std::string& file);

// The absolute path that entries and the cache name it by: it isn't resolved, for a projected
// volume is behind links that move. Error: bad_token_file.
Result<std::string> absolute_token_file(const std::string& file);

}  // namespace openunison::cli
