// SPDX-License-Identifier: Apache-2.0
//
// Takes out of a provider's refusal what we had sent it in confidence: some providers quote the
// request that they refuse, and their words go to an error page and into the log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openunison::identity {

// `text` with every occurrence of a secret replaced by "[secret]": as it is, percent-encoded, in
// base64 of a whole string, or with JSON's escaped slash. Secrets under six characters stay: they
// would be found in ordinary words.
std::string redact(std::string text, const std::vector<std::string>& secrets);

}  // namespace openunison::identity
