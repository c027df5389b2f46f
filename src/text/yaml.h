// SPDX-License-Identifier: Apache-2.0
//
// YAML with positions: what configuration files are read with. One document; no anchors that expand
// (aliases are refused), no duplicate keys, depth ≤ 32, ≤ 1 MiB.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace openunison::text {

struct Position {
  int line = 0;    // from 1
  int column = 0;  // from 1
};

class Yaml {
 public:
  enum class Kind { null, scalar, sequence, map };
  struct Entry;

  // Error bad_yaml: "line 3, column 7: ...".
  static Result<Yaml> parse(std::string_view text);

  Kind kind = Kind::null;
  Position position;
  std::string scalar;   // text of a scalar, unquoted
  bool quoted = false;  // 'true' and "12" are strings, true and 12 are not
  std::vector<Yaml> items;
  std::vector<Entry> entries;

  const Yaml* find(std::string_view key) const;
};

struct Yaml::Entry {
  std::string key;
  Position position;  // of the key
  Yaml value;
};

// A scalar as block-style YAML would need it written: quoted only where it must be.
std::string yaml_scalar(std::string_view value);

}  // namespace openunison::text
