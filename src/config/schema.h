// SPDX-License-Identifier: Apache-2.0
//
// The schema of values.yaml: every key once, with its type, default, bounds, meaning and whose it
// is. Parsing, values.schema.json and the reference page are made from this table. Constant; any
// thread. Private to config/.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace openunison::config {

// string: one line; block: line breaks are allowed.
enum class Type { string, block, boolean, integer, strings, map, list, anything };

enum class Status {
  ours,      // OpenUnison has no such key
  honoured,  // OpenUnison's; means what it means there
  enforced,  // OpenUnison's, restricts somebody, and does so here
  ignored,   // OpenUnison's, not needed here: `meaning` says why; a warning
  refused,   // OpenUnison's, and leaving it out would change who is let in or who they are:
             // `meaning` says why; an error
};

struct Key {
  // "network.openunison_host"; "openunison.apps[].name" inside a list of maps; one of
  // Type::anything stands for all below it.
  std::string_view path;
  Type type;
  std::string_view fallback;  // as it would be written; "" for none
  std::string_view meaning;
  Status status = Status::ours;
  std::int64_t min = 0, max = 0;  // integers, where max > 0
  std::string_view choices = {};  // "a|b|c" for strings
  // Refused keys: the values ("a|b") that ask for what happens here anyway. Without any: false, and
  // whatever is empty.
  std::string_view harmless = {};
};

std::span<const Key> schema();
// nullptr: there is no such key.
const Key* find_key(std::string_view path);
// Calls visit(std::string_view) for each part of "a|b|c".
template <class Visit>
void for_each_choice(std::string_view choices, Visit visit) {
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    visit(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view() : choices.substr(bar + 1);
  }
}
bool has_choice(std::string_view choices, std::string_view value);

}  // namespace openunison::config
