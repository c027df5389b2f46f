// SPDX-License-Identifier: Apache-2.0
//
// Enough of an HTML tokenizer to see what a page is made of: whatever a text on it holds, its tags
// and the names of their attributes must stay the same. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openunison::portal::testing {

struct Tag {
  std::string name;  // "a", "/a", "!doctype"; "!--" for a comment
  std::vector<std::pair<std::string, std::string>> attributes;  // values as written, still escaped

  // "" where the tag has none.
  std::string_view attribute(std::string_view wanted) const;
};

// In order. What isn't closed runs to the end of the page.
std::vector<Tag> tags_of(std::string_view html);
// "a href class|/a|...": all but values and text.
std::string skeleton(std::string_view html);

}  // namespace openunison::portal::testing
