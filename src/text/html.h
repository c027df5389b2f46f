// SPDX-License-Identifier: Apache-2.0
//
// HTML templates (mustache). {{x}} is always escaped for HTML text and quoted attributes; {{{x}}}
// and
// {{&x}} are refused at creation, so that no template can print raw input; {{>name}} includes
// another template of the same set. Immutable after creation; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/json.h"

namespace openunison::text {

std::string html_escape(std::string_view value);

class TemplateSet {
 public:
  // (name, source) pairs. Error bad_template: "pages/profile: line 4: ...".
  static Result<TemplateSet> create(std::vector<std::pair<std::string, std::string>> sources);

  // Sections, inverted sections, dotted names; values from `data` (strings, numbers, booleans,
  // arrays, objects). A name that the data doesn't have renders as nothing. CHECKs that the
  // template exists.
  std::string render(std::string_view name, const Json& data) const;

  struct Impl;

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace openunison::text
