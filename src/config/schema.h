// SPDX-License-Identifier: Apache-2.0
//
// The schema of values.yaml: every key once, with its type, default, bounds and meaning. Parsing, values.schema.json and
// the reference page are made from this table. Private to config/.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace openunison::config {

enum class Type { string, boolean, integer, strings, map, list, anything };
enum class Status {
  honoured,   // means what it says
  ignored,    // OpenUnison's, not needed here: `meaning` says why; a warning
  refused,    // OpenUnison's, does or restricts something that this version doesn't do: `meaning` says so; an error
};

struct Key {
  // "network.openunison_host"; "apps[].name" inside a list of maps; "network.ingress_annotations" with Type::anything
  // stands for all below it.
  std::string_view path;
  Type type;
  std::string_view fallback;  // as it would be written; "" for none
  std::string_view meaning;
  Status status = Status::honoured;
  std::int64_t min = 0, max = 0;      // integers, where max > 0
  std::string_view choices = {};      // "a|b|c" for strings
};

std::span<const Key> schema();
const Key* find_key(std::string_view path);

}  // namespace openunison::config
